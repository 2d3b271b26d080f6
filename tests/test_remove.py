"""`make remove` in a fresh service: it passes all checks without items, and takes new resources."""

import pytest

from tests.conftest import Bake, all_is_covered, commit, default_choice
from tests.test_services import serving

pytestmark = pytest.mark.slow


@default_choice
def test_a_service_without_items_passes_all_checks_and_takes_a_resource(
    bake: Bake, answers: dict[str, str]
) -> None:
    service = bake(**answers)
    service.run("make", "install")
    commit(service, "First commit")
    output = service.run("make", "remove", "name=item", UV_OFFLINE="1")
    assert "deleted app/db/tables/items.py" in output
    assert "Item" not in service.read("openapi.json")
    assert all_is_covered(service, service.run("make", "check"))
    with serving(service) as (url, _):
        bench = ("uv", "run", "python", "-m", "tools.bench", "--url", url)
        output = service.run(*bench, "--connections", "1", "--seconds", "0.1")
        assert "| readyz | 1 |" in output
    commit(service, "No items")

    service.run("make", "resource", "name=event", "fields=title:str(128):unique day:date")
    service.run("uv", "run", "ruff", "check")
    service.run("uv", "run", "mypy")
    tests = ("api/test_events.py", "api/test_openapi.py", "db/test_migrations.py")
    service.run("uv", "run", "pytest", *(f"tests/{name}" for name in tests))
