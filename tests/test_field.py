"""`make field` in a service with rows, while the previous release still runs."""

import pytest

from tests.conftest import Bake, Service, commit, variants
from tests.test_business_rules import created, refused
from tests.test_services import request, serving

pytestmark = pytest.mark.slower


@variants(3)
def test_a_field_is_added_while_the_previous_release_runs(
    bake: Bake, answers: dict[str, str]
) -> None:
    service = bake(**answers)
    service.run("make", "install")
    service.run("make", "resource", "name=order", "fields=number:int>=1:unique place:ref(item)?")
    commit(service, "Orders")
    with service.throwaway("database") as url:
        variables = {"DATABASE_URL": url}
        with serving(service, **variables) as (served, _):
            created(f"{served}/v1/orders", number=1)
            fields = "add=currency:enum(eur,usd)=eur note:text? second:ref(item,null)?"
            service.run("make", "field", "resource=order", fields)
            service.run("make", "migrate", **variables)
            created(f"{served}/v1/orders", number=2)
        with serving(service, **variables) as (served, _):
            created(f"{served}/v1/orders", number=3, currency="usd")
            rows = request(f"{served}/v1/orders?sort=created_at")[1]["items"]
            assert [row["currency"] for row in rows] == ["eur", "eur", "usd"]
        down_and_up(service, 1, **variables)
    its_checks_pass(service)


@variants(3)
def test_fields_change_while_the_previous_release_runs(bake: Bake, answers: dict[str, str]) -> None:
    service = bake(**answers)
    service.run("make", "install")
    fields = "number:int>=1:unique note:text? phone:str(20):index status:enum(new,paid)=new"
    fields += " sku:str(9)?:unique tag:str(9)?:unique:nocase"
    service.run("make", "resource", "name=order", f"fields={fields} place:ref(item)?")
    commit(service, "Orders")
    with service.throwaway("database") as url:
        variables = {"DATABASE_URL": url}
        with serving(service, **variables) as (served, _):
            first = created(f"{served}/v1/orders", number=1, note="one", phone="1", sku="a")
            changes_of_names = ("rename=note:remark place:site", "drop=phone=none tag")
            change = "change=status:enum(new,paid,shipped)=new number:int>=1:unique:index"
            change += " sku:str(9)?:unique:nocase"
            service.run("make", "field", "resource=order", *changes_of_names, change)
            service.run("make", "migrate", **variables)
            # The previous release works as before and writes valid rows.
            assert request(f"{served}/v1/orders/{first['id']}")[1] == first
            created(f"{served}/v1/orders", number=2, note="two", phone="2", tag="a")
            wrong = {"number": 6, "phone": "6", "tag": "A"}
            assert refused(f"{served}/v1/orders", "POST", **wrong) == (409, ["tag"])
            with serving(service, **variables) as (new, _):
                created(f"{new}/v1/orders", number=3, remark="three")
                assert rows(served, "note", "phone") == [
                    ("one", "1"),
                    ("two", "2"),
                    ("three", "none"),
                ]
                assert rows(new, "remark") == [("one",), ("two",), ("three",)]
                assert refused(f"{new}/v1/orders", "POST", number=3) == (409, ["number"])
                assert refused(f"{new}/v1/orders", "POST", number=4, sku="A") == (409, ["sku"])
        with serving(service, **variables) as (served, _):
            created(f"{served}/v1/orders", number=4, status="shipped")
        commit(service, "Remarks")
        its_checks_pass(service)
        change = "change=status:enum(new,paid,shipped,lost)=new"
        service.run(
            "make", "field", "resource=order", changes_of_names[0], "drop=phone tag", change
        )
        service.run("make", "migrate", **variables)
        service.run("make", "migration", "m=drop phone and tag of orders", **variables)
        service.run("make", "migrate", **variables)
        down_and_up(service, 2, **variables)
        with serving(service, **variables) as (served, _):
            assert rows(served, "remark", "status")[2:] == [("three", "new"), (None, "shipped")]
            assert refused(f"{served}/v1/orders", "POST", number=5, sku="A") == (409, ["sku"])
            assert request(f"{served}/v1/orders?number_min=4")[1]["items"][0]["number"] == 4
    its_checks_pass(service)


def rows(url: str, *names: str) -> list[tuple[object, ...]]:
    listed = request(f"{url}/v1/orders?sort=created_at")[1]["items"]
    return [tuple(row[name] for name in names) for row in listed]


def down_and_up(service: Service, revisions: int, **variables: str) -> None:
    for step in (("downgrade", f"-{revisions}"), ("upgrade", "head")):
        service.run("uv", "run", "alembic", *step, **variables)


def its_checks_pass(service: Service) -> None:
    for check in (("ruff", "format", "--check"), ("ruff", "check"), ("mypy",)):
        service.run("uv", "run", *check)
    tests = ("api/test_orders.py", "api/test_openapi.py", "db/test_migrations.py")
    service.run("uv", "run", "pytest", *(f"tests/{name}" for name in tests))
