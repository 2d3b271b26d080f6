"""Follows a service's docs/relations.md, and builds its shop from the page alone."""

import json
from typing import Any
from uuid import uuid4

import pytest

from tests.conftest import Bake, Service, variants
from tests.test_business_rules import created, patched, refused
from tests.test_first_month import STEP
from tests.test_services import request, serving

pytestmark = pytest.mark.slower

# The number of statements for a page of one row and of fifty.
STATEMENTS = """
import json, os
url = os.environ["LIVE_URL"]

from fastapi.testclient import TestClient
from app.main import create_app
from tests.api.client import statements
from tests.conftest import settings_for

with TestClient(create_app(settings_for(url))) as client:
    def cost(path, limit):
        with statements() as sent:
            page = client.get(path, params={"limit": limit}).json()
        return len(page["items"]), len([one for one in sent if one.startswith("SELECT")])

    paths = ("/v1/products", "/v1/orders")
    print(json.dumps({path: [cost(path, 1), cost(path, 50)] for path in paths}))
"""


@variants(3)
def test_the_shop_works_as_written(bake: Bake, answers: dict[str, str]) -> None:
    service = bake(**answers)
    service.run("make", "install")
    with service.throwaway("database") as database:
        for _, _, kind, lines in STEP.findall(service.read("docs/relations.md")):
            if kind == "sh":
                service.run("bash", "-ec", lines)
        service.run("make", "migrate", DATABASE_URL=database)
        its_checks_pass(service)
        with serving(service, DATABASE_URL=database) as (url, _):
            v1 = f"{url}/v1"
            categories_are_a_tree(f"{v1}/categories")
            product, tags = products_have_tags(v1)
            orders_have_lines(v1, product)
            a_favourite_is_one_of_its_kind(v1, product)
            a_deleted_tag_is_removed_from_products(v1, product, tags)
            pages_are_filled(v1)
        fifty_rows_cost_as_many_statements_as_one(service, database)


def its_checks_pass(service: Service) -> None:
    service.run("make", "openapi")
    for check in (("ruff", "format", "--check"), ("ruff", "check"), ("mypy",)):
        service.run("uv", "run", *check)
    tests = ["tests/api/test_openapi.py", "tests/db/test_migrations.py"]
    kinds = ("categories", "products", "orders", "favourites")
    tests += [f"tests/api/test_{name}.py" for name in kinds]
    service.run("uv", "run", "pytest", "--numprocesses=2", *tests)


def categories_are_a_tree(url: str) -> None:
    root = created(url, name="Clothes")
    shoes = created(url, name="Shoes", parent_id=root["id"])
    boots = created(url, name="Boots", parent_id=shoes["id"])
    assert request(f"{url}?parent_id={root['id']}")[1]["items"] == [shoes]
    assert request(f"{url}/{shoes['id']}", "DELETE")[0] == 409
    assert refused(url, "POST", name="Hats", parent_id=str(uuid4())) == (409, ["parent_id"])
    assert patched(f"{url}/{boots['id']}", parent_id=root["id"])["parent_id"] == root["id"]
    assert request(f"{url}/{shoes['id']}", "DELETE")[0] == 204


def products_have_tags(v1: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    tags = [created(f"{v1}/tags", name=name) for name in ("new", "warm")]
    ids = [tag["id"] for tag in tags]
    hats = created(f"{v1}/categories", name="Hats")
    new = {"name": "Cap", "price": "9.99", "category_id": hats["id"], "tag_ids": ids[::-1]}
    product = created(f"{v1}/products", **new)
    entity_url = f"{v1}/products/{product['id']}"
    assert (product["tag_ids"], product["category"]) == (ids, hats)
    for wrong in (str(uuid4()), hats["id"]):
        assert refused(entity_url, "PATCH", tag_ids=[ids[0], wrong]) == (409, ["tag_ids"])
    assert refused(entity_url, "PATCH", tag_ids=[ids[0], ids[0]]) == (422, ["tag_ids"])
    assert patched(entity_url, tag_ids=ids[1:])["tag_ids"] == ids[1:]
    assert request(f"{v1}/products?tag_id={ids[0]}")[1]["items"] == []
    assert request(f"{v1}/categories/{hats['id']}", "DELETE")[0] == 204
    assert request(entity_url)[1]["category_id"] is None
    return patched(entity_url, tag_ids=ids), tags


def orders_have_lines(v1: str, product: dict[str, Any]) -> None:
    ada = created(f"{v1}/customers", name="Ada", email="ada@example.com")
    home = created(f"{v1}/addresses", street="Main Street 1", city="Ulm", customer_id=ada["id"])
    lines = [{"product_id": product["id"], "quantity": quantity} for quantity in (2, 1)]
    new = {"customer_id": ada["id"], "address_id": home["id"], "lines": lines}
    order = created(f"{v1}/orders", **new)
    entity_url = f"{v1}/orders/{order['id']}"
    assert order["lines"] == lines
    assert request(f"{v1}/orders?customer_id={ada['id']}")[1]["items"] == [order]
    assert patched(entity_url, status="paid")["lines"] == lines
    assert (
        patched(entity_url, lines=lines[1:])["lines"]
        == request(entity_url)[1]["lines"]
        == lines[1:]
    )
    wrong = [*lines, {"product_id": str(uuid4()), "quantity": 1}]
    assert refused(entity_url, "PATCH", lines=wrong) == (409, ["lines"])
    wrong = [*lines, {"product_id": product["id"], "quantity": 0}]
    assert refused(entity_url, "PATCH", lines=wrong) == (422, ["lines.2.quantity"])
    assert request(entity_url)[1]["lines"] == lines[1:]
    assert request(f"{v1}/customers/{ada['id']}", "DELETE")[0] == 409
    assert request(f"{v1}/products/{product['id']}", "DELETE")[0] == 409
    assert request(f"{v1}/addresses/{home['id']}", "DELETE")[0] == 204
    assert request(entity_url)[1]["address"] is None
    assert request(entity_url, "DELETE")[0] == 204
    assert request(f"{v1}/customers/{ada['id']}", "DELETE")[0] == 204


def a_favourite_is_one_of_its_kind(v1: str, product: dict[str, Any]) -> None:
    bob = created(f"{v1}/customers", name="Bob", email="bob@example.com")
    both = {"customer_id": bob["id"], "product_id": product["id"]}
    favourite = created(f"{v1}/favourites", **both)
    review = created(f"{v1}/reviews", stars=5, **both)
    assert refused(f"{v1}/favourites", "POST", **both) == (409, ["customer_id", "product_id"])
    assert request(f"{v1}/customers/{bob['id']}", "DELETE")[0] == 204
    assert request(f"{v1}/favourites/{favourite['id']}")[0] == 404
    assert request(f"{v1}/reviews/{review['id']}")[1]["customer_id"] is None


def a_deleted_tag_is_removed_from_products(
    v1: str, product: dict[str, Any], tags: list[dict[str, Any]]
) -> None:
    assert request(f"{v1}/tags/{tags[0]['id']}", "DELETE")[0] == 204
    remaining = request(f"{v1}/products/{product['id']}")[1]
    assert remaining == product | {"tag_ids": [tags[1]["id"]]}


def pages_are_filled(v1: str) -> None:
    eve = created(f"{v1}/customers", name="Eve", email="eve@example.com")
    for number in range(50):
        tag = created(f"{v1}/tags", name=f"tag {number}")
        new = {"name": f"Cap {number}", "price": "1", "tag_ids": [tag["id"]]}
        product = created(f"{v1}/products", **new)
        lines = [{"product_id": product["id"], "quantity": 1}] * 2
        created(f"{v1}/orders", customer_id=eve["id"], lines=lines)


def fifty_rows_cost_as_many_statements_as_one(service: Service, database: str) -> None:
    command = ("uv", "run", "--no-sync", "python", "-c", STATEMENTS)
    output = service.run(*command, LIVE_URL=database)
    costs = json.loads(output.splitlines()[-1])
    assert costs == {path: [[1, 2], [50, 2]] for path in ("/v1/products", "/v1/orders")}
