"""`make field` in a service that runs: its rows, and a release that does not know the field yet."""

import pytest

from tests.conftest import Bake, commit, variants
from tests.test_services import request, serving
from tests.test_systems import created

pytestmark = pytest.mark.slower


@variants(3)
def test_a_field_comes_while_the_release_before_still_serves(
    bake: Bake, answers: dict[str, str]
) -> None:
    service = bake(**answers)
    service.run("make", "install")
    service.run("make", "resource", "name=order", "fields=number:int>=1:unique place:ref(item)?")
    commit(service, "Orders")
    with service.lent("database") as url:
        known = {"DATABASE_URL": url}
        with serving(service, **known) as (served, _):
            created(f"{served}/v1/orders", number=1)
            fields = "add=currency:enum(eur,usd)=eur note:text? second:ref(item,null)?"
            service.run("make", "field", "resource=order", fields)
            service.run("make", "migrate", **known)
            created(f"{served}/v1/orders", number=2)
        with serving(service, **known) as (served, _):
            created(f"{served}/v1/orders", number=3, currency="usd")
            rows = request(f"{served}/v1/orders?sort=created_at")[1]["items"]
            assert [row["currency"] for row in rows] == ["eur", "eur", "usd"]
        for step in (("downgrade", "-1"), ("upgrade", "head")):
            service.run("uv", "run", "alembic", *step, **known)
    for check in (("ruff", "format", "--check"), ("ruff", "check"), ("mypy",)):
        service.run("uv", "run", *check)
    tests = ("api/test_orders.py", "api/test_openapi.py", "db/test_migrations.py")
    service.run("uv", "run", "pytest", *(f"tests/{name}" for name in tests))
