"""`make seed` in a service with many kinds of resources, whose lists are then read over HTTP."""

import json
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest

from tests.conftest import Bake, Service, execute, variants
from tests.test_services import request, serving

pytestmark = pytest.mark.slower

# Every type and kind of reference; unique fields, alone and together.
SHOP = {
    "customer": "name:str(128) email:str(254):unique secret:str?:private code:int>=1:unique",
    "category": "name:str(64):unique parent:ref(category)?",
    "tag": "name:str(32):unique",
    "product": (
        "name:str(128) price:decimal>=0 category:ref(category,null)? tags:many(tag) short:str(3) "
        "day:date:unique at:datetime:unique ident:uuid:unique rating:float>=0.5<=9.5? note:text "
        "size:enum(small,large)=small is_new:bool=true born:date? sold_at:datetime? weight:int<=-1"
    ),
    "order": (
        "status:enum(placed,paid)=placed customer:ref(customer) number:int:unique "
        "lines:list(product:ref(product) quantity:int>=1 words:text?)"
    ),
    "invoice": "order:ref(order,cascade):unique paid_at:datetime?",
    "favourite": "customer:ref(customer) product:ref(product,cascade) unique(customer,product)",
    "seat": "hall:str(9) number:int>=1<=50 day:date unique(hall,number) unique(number,day)",
}
NOTES = (
    "title:str(64):unique parent:ref(note,null)? tags:many(tag) steps:list(text:str of:ref(tag)?)"
)

# A checksum of each table.
CHECKSUMS = """
import hashlib, json, os
from sqlalchemy import create_engine
from app.db.tables import Base

with create_engine(os.environ["LIVE_URL"]).connect() as connection:
    print(json.dumps({
        table.name: hashlib.sha256("\\n".join(
            str(tuple(row))
            for row in connection.execute(table.select().order_by(*table.primary_key))
        ).encode()).hexdigest()
        for table in Base.metadata.sorted_tables
    }))
"""


@pytest.fixture
def shop(bake: Bake, answers: dict[str, str]) -> Service:
    service = bake(**answers)
    service.run("make", "install")
    for name, fields in SHOP.items():
        service.run("make", "resource", f"name={name}", f"fields={fields}")
    service.run("make", "resource", "name=note", f"fields={NOTES}", "owner=user")
    return service


@variants(3)
def test_seed_fills_each_resource_with_valid_rows(shop: Service) -> None:
    checksums = []
    for _ in range(2):
        with shop.throwaway("database") as url:
            output = shop.run("make", "seed", "n=300", DATABASE_URL=url)
            assert "orders: 300 rows\n" in output
            assert "notes: 300 rows of anonymous\n" in output
            checksums.append(
                shop.run("uv", "run", "python", "-c", CHECKSUMS, LIVE_URL=url).splitlines()[-1]
            )
            assert "Nothing was written: the database already has rows in " in refused(
                shop, DATABASE_URL=url
            )
            with serving(shop, DATABASE_URL=url) as (served, _):
                lists_have_their_rows(f"{served}/v1")
    assert checksums[0] == checksums[1]
    assert len({*json.loads(checksums[0]).values()}) == len(json.loads(checksums[0]))
    with shop.throwaway("database") as url:
        its_errors_say_what_to_do(shop, url)
    its_checks_pass(shop)


def refused(service: Service, *arguments: str, **variables: str) -> str:
    done = execute("make", "seed", *arguments, folder=service.path, **variables)
    assert done.returncode, done.stdout
    return done.stdout


def lists_have_their_rows(v1: str) -> None:
    plurals = ("customers", "categories", "tags", "products", "orders", "invoices", "favourites")
    for plural in (*plurals, "seats", "items", "notes"):
        rows = [*pages(f"{v1}/{plural}?limit=100")]
        assert len({row["id"] for row in rows}) == 300, plural
        assert all(one["id"] < other["id"] for one, other in pairwise(rows))
    roots = [row for row in pages(f"{v1}/categories?limit=100") if row["parent_id"] is None]
    assert len(roots) == 1
    orders = [*pages(f"{v1}/orders?limit=100")]
    assert {len(order["lines"]) for order in orders} == {0, 1, 2}
    assert max(len(row["tag_ids"]) for row in pages(f"{v1}/products?limit=100")) > 1
    customer = orders[-2]["customer_id"]
    assert len([*pages(f"{v1}/orders?customer_id={customer}&limit=100")]) == 3


def pages(url: str) -> Iterator[dict[str, Any]]:
    cursor = ""
    while cursor is not None:
        status, page = request(f"{url}&cursor={cursor}" if cursor else url)
        assert status == 200, page
        yield from page["items"]
        cursor = page["next_cursor"]


def its_errors_say_what_to_do(service: Service, url: str) -> None:
    assert "APP_ENV is production" in refused(service, DATABASE_URL=url, APP_ENV="production")
    assert "n=many is not a number of rows" in refused(service, "n=many", DATABASE_URL=url)
    issuer = {"AUTH_JWKS_URL": "https://id.example/.well-known/jwks.json", "AUTH_AUDIENCE": "shop"}
    assert "notes belong to users" in refused(service, DATABASE_URL=url, **issuer)
    factory = service.path / "tests" / "factories" / "tags.py"
    text = factory.read_text(encoding="utf-8")
    remedy = "Change make_tag in tests/factories/tags.py"
    for name, reason in (
        ('"red"', "tags, row 2: This name is already taken. "),
        ('"red" * number', "tags, row 11: name: String should have at most 32 characters. "),
    ):
        factory.write_text(text.replace('f"name {number}"', name), encoding="utf-8")
        assert f"{reason}{remedy}" in refused(service, DATABASE_URL=url)
    factory.write_text(text, encoding="utf-8")
    output = service.run("make", "seed", "owner=ann", DATABASE_URL=url)
    assert "notes: 100 rows of ann\n" in output


def its_checks_pass(service: Service) -> None:
    for check in (("ruff", "format", "--check"), ("ruff", "check"), ("mypy",)):
        service.run("uv", "run", *check)
    tests = ["tests/tools/test_seed.py", "tests/api/test_openapi.py"]
    tests += [f"tests/api/test_{name}.py" for name in ("orders", "favourites", "seats", "notes")]
    service.run("uv", "run", "pytest", "--numprocesses=2", *tests)
