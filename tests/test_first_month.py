"""Follows a service's docs/first-month.md: runs its commands, makes its changes, sends requests."""

import csv
import re
from collections.abc import Iterator
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.conftest import VARIANTS, Bake, Service, default_choice, loses_lines
from tests.test_business_rules import add, created, patched, refused
from tests.test_services import request, serving

pytestmark = pytest.mark.slower

PAGE = "docs/first-month.md"
STEP = re.compile(
    r"^(?:(In|At the end of|Create) `([^`]+)`:\n\n)?```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL
)
STREAM = re.compile(r"^## Large responses\n.*?```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)

# One order with many lines, in one request.
FILL = """
import sys
from uuid import UUID
from sqlalchemy import create_engine, insert
from app.db.tables.orders import OrderLineTable

url, order, product, number = sys.argv[1:]
line = {"order_id": UUID(order), "product_id": UUID(product), "quantity": 1, "price": 1}
engine = create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
with engine.begin() as connection:
    connection.execute(insert(OrderLineTable), [line] * int(number))
"""


@default_choice
def test_the_first_month_works_as_written(bake: Bake, answers: dict[str, str]) -> None:
    service = bake(**answers)
    service.run("make", "install")
    with service.throwaway("database") as database:
        type_all(service, database)
        with serving(service, DATABASE_URL=database, DATABASE_POOL_SIZE="1") as (url, _):
            orders_are_placed(url)
            products_are_hidden(url)
            emails_are_unique(url)
            exports_are_streamed(service, url, database)


def type_all(service: Service, database: str) -> None:
    kinds = {"sh", "python", "diff"}
    for where, name, kind, lines in steps(service):
        assert kind in kinds
        assert bool(where) is (kind != "sh"), lines
        if lines == "make openapi check\n":
            service.run("make", "openapi")
            its_checks_pass(service)
        elif kind == "sh":
            service.run("bash", "-ec", lines, DATABASE_URL=database)
        else:
            add(service, where, name, lines)


def its_checks_pass(service: Service) -> None:
    """Runs `make check` with the tests that the page affects: all of them take five minutes."""
    for check in (("ruff", "format", "--check"), ("ruff", "check"), ("mypy",)):
        service.run("uv", "run", *check)
    tests = ["api/test_fuzzing.py", "api/test_openapi.py", "db/test_migrations.py"]
    tests += ["db/test_pages.py", "test_architecture.py"]
    tests += [f"api/test_{name}.py" for name in ("customers", "orders", "products", "shop")]
    command = ("uv", "run", "pytest", "--cov", "--cov-fail-under=0", "--numprocesses=2")
    output = service.run(*command, *(f"tests/{name}" for name in tests))
    own = (
        r"^app/(?:services/|api/routes/shop|db/sql/products|db/tables|schemas/(?:orders|reports)).*"
    )
    missed = re.findall(own, output, re.MULTILINE)
    assert missed == [] or loses_lines(service, output), output


def steps(service: Service, page: str = PAGE) -> Iterator[tuple[str, str, str, str]]:
    text = service.read(page)
    found = STEP.findall(text)
    assert len(found) == text.count("\n```") / 2
    yield from found


def place(url: str, customer: str, **lines: int) -> tuple[int, Any]:
    sent = [{"product_id": product, "quantity": quantity} for product, quantity in lines.items()]
    return request(f"{url}/v1/shop/orders", "POST", {"customer_id": customer, "lines": sent})


def exported(url: str) -> list[list[str]]:
    return [*csv.reader(request(f"{url}/v1/shop/lines.csv")[1].splitlines())]


def orders_are_placed(url: str) -> None:
    bolt = created(f"{url}/v1/products", name="bolt", price="0.1", stock=5)["id"]
    nut = created(f"{url}/v1/products", name="nut", price="0.2000", stock=2)["id"]
    ada = created(f"{url}/v1/customers", name="Ada", email="ada@example.com")
    status, order = place(url, ada["id"], **{bolt: 3, nut: 1})
    assert (status, order["customer"]) == (201, ada)
    assert {line["product_id"]: line["quantity"] for line in order["lines"]} == {bolt: 3, nut: 1}
    assert request(f"{url}/v1/orders/{order['id']}") == (200, order)
    assert request(f"{url}/v1/orders")[1]["items"] == [order]
    assert patched(f"{url}/v1/orders/{order['id']}", status="paid")["lines"] == order["lines"]

    before = [request(f"{url}/v1/{name}") for name in ("products", "orders")]
    status, problem = place(url, ada["id"], **{bolt: 1, nut: 2})
    assert (status, problem["detail"]) == (409, "Only 1 are left.")
    assert [error["field"] for error in problem["errors"]] == ["quantity"]
    assert place(url, ada["id"], **{bolt: 1, ada["id"]: 1})[0] == 404
    assert place(url, bolt, **{bolt: 1})[0] == 409
    assert place(url, ada["id"], **{bolt: 0})[0] == 422
    assert [request(f"{url}/v1/{name}") for name in ("products", "orders")] == before

    assert place(url, ada["id"], **{bolt: 2})[0] == 201
    assert request(f"{url}/v1/shop/sales")[1] == [
        {"product": "bolt", "quantity": 5, "revenue": "0.5000"},
        {"product": "nut", "quantity": 1, "revenue": "0.2000"},
    ]
    assert sorted(row[1:] for row in exported(url)) == [
        ["bolt", "2", "0.1000"],
        ["bolt", "3", "0.1000"],
        ["nut", "1", "0.2000"],
    ]
    assert request(f"{url}/v1/shop/low-stock?below=2")[1] == [
        {"name": "bolt", "price": "0.1000", "stock": 0},
        {"name": "nut", "price": "0.2000", "stock": 1},
    ]


def products_are_hidden(url: str) -> None:
    bolt = request(f"{url}/v1/products?name_contains=bolt")[1]["items"][0]
    product_url = f"{url}/v1/products/{bolt['id']}"
    assert request(product_url, "DELETE")[0] == 204
    assert [request(product_url)[0], request(product_url, "DELETE")[0]] == [404, 404]
    assert request(product_url, "PATCH", {"stock": 9})[0] == 404
    assert [product["name"] for product in request(f"{url}/v1/products")[1]["items"]] == ["nut"]
    customer = request(f"{url}/v1/customers")[1]["items"][0]["id"]
    assert place(url, customer, **{bolt["id"]: 1})[0] == 404
    assert [row["name"] for row in request(f"{url}/v1/shop/low-stock?below=2")[1]] == ["nut"]
    assert [row["product"] for row in request(f"{url}/v1/shop/sales")[1]] == ["bolt", "nut"]


def emails_are_unique(url: str) -> None:
    assert refused(f"{url}/v1/customers", "POST", name="A", email="ADA@Example.com") == (
        409,
        ["email"],
    )
    bob = created(f"{url}/v1/customers", name="Bob", email="Bob@Example.com")
    assert bob["email"] == "bob@example.com"
    assert refused(f"{url}/v1/customers/{bob['id']}", "PATCH", email="Ada@example.com")[0] == 409


def exports_are_streamed(service: Service, url: str, database: str) -> None:
    """Also with a client that disconnects early: the only connection becomes free again."""
    order = request(f"{url}/v1/orders")[1]["items"][0]["lines"][0]
    ids = exported(url)[0][0], order["product_id"]
    service.run("uv", "run", "--no-sync", "python", "-c", FILL, database, *ids, "150000")
    assert len(exported(url)) == 150_003
    for _ in range(3):
        leaving = HTTPConnection(urlsplit(url).netloc)
        leaving.request("GET", "/v1/shop/lines.csv")
        assert leaving.getresponse().read(100_000)
        leaving.close()
        assert request(f"{url}/v1/products")[0] == 200


def test_the_readme_shows_the_export_of_the_page(bake: Bake) -> None:
    for answers in VARIANTS:
        service = bake(**answers)
        (shown_lines,) = STREAM.findall(service.read("docs/api.md"))
        assert {*shown_lines.splitlines()} <= {*service.read(PAGE).splitlines()}
