"""Builds the services of docs/business-rules.md from that page alone and drives them over HTTP."""

import json
import re
import sqlite3
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from typing import Any
from uuid import UUID, uuid4

import pytest

from tests.conftest import ROOT, Bake, Service, all_is_covered
from tests.test_services import request, serving

pytestmark = pytest.mark.slower

PAGE = (ROOT / "docs" / "business-rules.md").read_text(encoding="utf-8")
COMMAND = re.compile(r"^make resource name=(\w+) fields=\"(.+:.+)\"$", re.MULTILINE)
LINES = re.compile(
    r"^(In|At the end of) `([^`]+)`:\n\n```\w+\n(.*?)^```$", re.MULTILINE | re.DOTALL
)

EVENTS = "An event ends after it starts"
COUPONS = "A field defaults to another field"
OTHERS = "What needs no code"

NOON, ONE, TWO, THREE = (f"2026-01-31T{hour}:00:00Z" for hour in (12, 13, 14, 15))

# Runs in the service's environment: the pragmas of the service's own connection.
PRAGMAS = """
from sqlalchemy import text
from app.db.engine import make_engines
from app.settings import Settings

writer = make_engines(Settings()).writer
with writer.connect() as connection:
    for name in ("journal_mode", "busy_timeout", "foreign_keys"):
        print(connection.scalar(text(f"PRAGMA {name}")))
"""

# Prints the checkouts, commits and rollbacks of each request.
TRANSACTIONS = """
import json, os
from collections import Counter
from fastapi.testclient import TestClient
from sqlalchemy import Engine, event, make_url
from sqlalchemy.pool import Pool

url = os.environ["LIVE_URL"]
from app.main import create_app
from tests.conftest import settings_for

counts = Counter()
for target, name in ((Pool, "checkout"), (Engine, "commit"), (Engine, "rollback")):
    event.listen(target, name, lambda *_, name=name: counts.update([name]))
with TestClient(create_app(settings_for(url))) as client:
    def counted(*sent, **more):
        counts.clear()
        response = client.request(*sent, **more)
        return response, (response.status_code, dict(counts))

    client.get("/v1/coupons")
    new = {"code": "counted", "init_count": 1}
    created, first = counted("POST", "/v1/coupons", json=new)
    path = created.headers["location"]
    others = ("POST", "/v1/coupons", new), ("PATCH", path, {"code": "b"}), ("DELETE", path, None)
    print(json.dumps([first, *(counted(*sent, json=body)[1] for *sent, body in others)]))
"""

# The service on its in-memory repositories, until this script's standard input ends.
IN_MEMORY = """
import sys, threading, time, uvicorn
from app.main import create_app
from app.settings import Settings
from tests.fakes.store import InMemoryStore
from tests.ports import free_port

port = free_port()
app = create_app(Settings(), InMemoryStore())
server = uvicorn.Server(uvicorn.Config(app, port=port, log_config=None, access_log=False))
thread = threading.Thread(target=server.run)
thread.start()
while not server.started:
    time.sleep(0.1)
print(f"http://127.0.0.1:{port}", flush=True)
sys.stdin.read()
server.should_exit = True
thread.join()
"""


def section(title: str) -> str:
    """Returns the section of the page with this title."""
    (_, found) = PAGE.split(f"\n## {title}\n")
    return found.partition("\n## ")[0]


def make_resource(service: Service, title: str, name: str) -> None:
    """Generates the resource with the command of this section."""
    commands = dict(COMMAND.findall(section(title)))
    output = service.run("make", "resource", f"name={name}", f"fields={commands[name]}")
    assert "Next: " in output


def add_lines(service: Service, title: str, *replacements: tuple[str, str]) -> None:
    """Adds the lines of this section at the documented places, after `replacements`."""
    text = section(title)
    for old, new in replacements:
        text = text.replace(old, new)
    for where, name, lines in LINES.findall(text):
        add(service, where, name, lines)


def add(service: Service, where: str, name: str, lines: str) -> None:
    path = service.path / name
    assert path.exists() is (where != "Create"), name
    text = "" if where == "Create" else path.read_text(encoding="utf-8")
    if where == "In":
        for hunk in lines.split("@@\n"):
            old, new = before_and_after(hunk)
            assert text.count(old) == 1, f"{name} does not contain exactly once:\n{old}"
            text = text.replace(old, new)
    elif where == "Create":
        text = lines
    else:
        text += f"\n\n{lines}"
    path.write_text(text, encoding="utf-8")


def before_and_after(hunk: str) -> tuple[str, str]:
    # An empty line in a diff has no leading space.
    diff_lines = (" \n" if line == "\n" else line for line in hunk.splitlines(keepends=True))
    lines = [(line[:1], line[1:]) for line in diff_lines]
    assert {sign for sign, _ in lines} <= {" ", "+", "-"}, hunk
    old, new = ("".join(line for sign, line in lines if sign != other) for other in ("+", "-"))
    return old, new


def its_checks_pass(service: Service, *targets: str) -> None:
    assert all_is_covered(service, service.run("make", *targets, "check"))


def created(url: str, **fields: object) -> dict[str, Any]:
    status, entity = request(url, "POST", fields)
    assert status == 201, entity
    assert isinstance(entity, dict)
    return entity


def patched(entity_url: str, **fields: object) -> dict[str, Any]:
    status, entity = request(entity_url, "PATCH", fields)
    assert status == 200, entity
    assert isinstance(entity, dict)
    assert request(entity_url) == (200, entity)
    return entity


def refused(url: str, method: str, **fields: object) -> tuple[int, list[str]]:
    """Returns the status and the fields in the error."""
    status, problem = request(url, method, fields)
    return status, [error["field"] for error in problem["errors"]]


def test_events_on_sqlite(bake: Bake) -> None:
    service = bake(database="sqlite", concurrency="sync")
    service.run("make", "install")
    make_resource(service, EVENTS, "event")
    add_lines(service, EVENTS)
    its_checks_pass(service)
    with serving(service) as (url, database):
        an_event_can_be_created_read_changed_and_deleted(f"{url}/v1/events")
        empty_text_and_null_are_kept_apart(f"{url}/v1/events")
        new: dict[str, object] = {"name": "Fair", "category": "trade", "publisher": "City"}
        an_event_ends_after_it_starts(f"{url}/v1/events", new)
        sqlite_is_set_up_for_a_server(service, f"{url}/v1/events", database)


def an_event_can_be_created_read_changed_and_deleted(url: str) -> None:
    sent = {
        "name": "Fair",
        "description": "With\nlines.",
        "category": "trade",
        "location": "Halle 3, Köln",
        "publisher": "City",
        "start": NOON,
        "end": ONE,
    }
    event = created(url, **sent)
    assert event == event | sent
    assert request(f"{url}/{event['id']}") == (200, event)
    assert request(url) == (200, {"items": [event], "next_cursor": None})
    changed = patched(f"{url}/{event['id']}", name="Market", end=TWO)
    assert changed == event | {
        "name": "Market",
        "end": TWO,
        "updated_at": changed["updated_at"],
    }
    assert request(f"{url}/{event['id']}", "DELETE")[0] == 204
    assert request(f"{url}/{event['id']}")[0] == 404
    assert request(f"{url}/{event['id']}", "DELETE")[0] == 404
    assert request(url)[1]["items"] == []


def empty_text_and_null_are_kept_apart(url: str) -> None:
    required = {"name": "Fair", "category": "trade", "publisher": "City", "start": NOON, "end": ONE}
    event = created(url, **required)
    assert (event["description"], event["location"]) == (None, None)
    entity_url = f"{url}/{event['id']}"
    assert patched(entity_url, description="")["description"] == ""
    assert patched(entity_url, location="Hall")["description"] == ""
    cleared = patched(entity_url, description=None)
    assert (cleared["description"], cleared["location"]) == (None, "Hall")
    assert patched(entity_url, location=None)["location"] is None
    assert created(url, **required, description="")["description"] == ""
    for field in required:
        assert refused(entity_url, "PATCH", **{field: None}) == (422, [field])
        assert refused(entity_url, "PATCH", **{field: ""}) == (422, [field])
    assert refused(entity_url, "PATCH")[0] == 422


def an_event_ends_after_it_starts(url: str, new: dict[str, object]) -> None:
    before = request(f"{url}?limit=100")
    for end in (NOON, ONE):
        assert refused(url, "POST", **new, start=ONE, end=end) == (409, ["end"])
    assert request(f"{url}?limit=100") == before
    event = created(url, **new, start=ONE, end=TWO)
    entity_url = f"{url}/{event['id']}"
    wrong: tuple[dict[str, object], ...] = (
        {"end": ONE},
        {"start": TWO},
        {"start": ONE, "end": ONE},
    )
    for times in wrong:
        assert refused(entity_url, "PATCH", **times) == (409, ["end"])
    assert request(entity_url) == (200, event)
    moved = patched(entity_url, start=TWO, end=THREE)
    assert (moved["start"], moved["end"]) == (TWO, THREE)

    def change(fields: dict[str, str]) -> int:
        return request(entity_url, "PATCH", fields)[0]

    for _ in range(10):  # each change alone is valid, both together are not
        patched(entity_url, start=NOON, end=THREE)
        with ThreadPoolExecutor() as clients:
            answers = clients.map(change, ({"start": TWO}, {"end": ONE}))
            assert sorted(answers) == [200, 409]
    assert request(entity_url, "DELETE")[0] == 204


def sqlite_is_set_up_for_a_server(service: Service, url: str, database: str) -> None:
    """Checks WAL, timeout and foreign keys, both the settings and their effect."""
    command = ("uv", "run", "--no-sync", "python", "-c", PRAGMAS)
    assert service.run(*command, DATABASE_URL=database).split() == ["wal", "5000", "1"]
    with (
        ThreadPoolExecutor() as clients,
        closing(sqlite3.connect(database.partition("///")[2], isolation_level=None)) as other,
    ):
        assert other.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        other.execute("BEGIN IMMEDIATE")
        new = {"name": "A", "category": "b", "publisher": "c", "start": NOON, "end": ONE}
        writer = clients.submit(created, url, **new)
        time.sleep(1)
        assert request(url)[0] == 200, "a reader waits for the writer"
        assert not writer.done(), "a writer does not wait for the other"
        other.execute("ROLLBACK")
        assert writer.result()["name"] == "A"


def test_coupons_on_postgres_async(bake: Bake) -> None:
    service = bake(database="postgres", concurrency="async")
    service.run("make", "install")
    make_resource(service, COUPONS, "coupon")
    add_lines(service, COUPONS)
    its_checks_pass(service, "openapi")
    with serving(service) as (url, database):
        as_many_coupons_remain_as_there_were(f"{url}/v1/coupons")
        a_request_has_one_session_that_is_committed_once(service, database)


def as_many_coupons_remain_as_there_were(url: str) -> None:
    coupon = created(url, code="spring", init_count=100)
    assert coupon["remaining_count"] == 100
    assert request(f"{url}/{coupon['id']}") == (200, coupon)
    assert UUID(coupon["id"]).version == 7
    assert created(url, code="gone", init_count=100, remaining_count=0)["remaining_count"] == 0
    assert created(url, code="none", init_count=0)["remaining_count"] == 0
    used = patched(f"{url}/{coupon['id']}", remaining_count=0)
    assert (used["init_count"], used["remaining_count"]) == (100, 0)
    more = patched(f"{url}/{coupon['id']}", init_count=200)
    assert (more["init_count"], more["remaining_count"]) == (200, 0)
    wrong: tuple[dict[str, object], ...] = ({"remaining_count": None}, {"remaining_count": -1})
    for fields in wrong:
        assert refused(url, "POST", code="a", init_count=1, **fields) == (422, ["remaining_count"])
    assert refused(url, "POST", code="spring", init_count=1) == (409, ["code"])
    assert len(request(url)[1]["items"]) == 3


def a_request_has_one_session_that_is_committed_once(service: Service, database: str) -> None:
    command = ("uv", "run", "--no-sync", "python", "-c", TRANSACTIONS)
    output = service.run(*command, LIVE_URL=database)
    once = {"checkout": 1, "commit": 1}
    assert json.loads(output.splitlines()[-1]) == [
        [201, once],
        [409, {"checkout": 1, "rollback": 1}],
        [200, once],
        [204, once],
    ]


@pytest.mark.parametrize("database", ["sqlite", "postgres"])
def test_todos_are_filtered_by_one_query_object(bake: Bake, database: str) -> None:
    service = bake(database=database, concurrency="sync")
    service.run("make", "install")
    make_resource(service, OTHERS, "todo")
    if database == "sqlite":  # tests/test_resource.py checks the generated code without these lines
        its_checks_pass(service)
    with serving(service) as (url, _):
        todos_keep_to_their_contract(f"{url}/v1/todos")
    with serving_from_memory(service) as url:
        todos_keep_to_their_contract(f"{url}/v1/todos")


@contextmanager
def serving_from_memory(service: Service) -> Iterator[str]:
    with service.start(IN_MEMORY) as process:
        assert process.stdout
        url = process.stdout.readline().strip()
        assert url, process.communicate()[1]
        yield url
        process.communicate()


def todos_keep_to_their_contract(url: str) -> None:
    def found(query: str) -> list[str]:
        status, page = request(f"{url}?{query}")
        assert status == 200, page
        return [todo["key"] for todo in page["items"]]

    assert created(url, key="testkey", value="testvalue")["done"] is False
    created(url, key="abcde", value="v", done=True)
    assert found("key_contains=test") == ["testkey"]
    assert found("key_contains=abcde") == ["abcde"]
    assert found("key_contains=e") == ["testkey", "abcde"]
    assert found("key_contains=e&limit=1") == ["testkey"]
    assert found("value_contains=v") == ["testkey", "abcde"]
    assert found("value_contains=test") == ["testkey"]
    assert found("done=true") == ["abcde"]
    assert found("done=false") == ["testkey"]
    assert found("key_contains=e&value_contains=v&done=true&limit=1") == ["abcde"]
    assert found("key_contains=%25") == []

    too_long = "x" * 129
    for field in ("key", "value"):
        new = {"key": "new", "value": "new"} | {field: too_long}
        assert refused(url, "POST", **new) == (422, [field])
        assert len(created(url, **new | {field: too_long[1:]})[field]) == 128
    assert refused(url, "POST", key="testkey", value="again") == (409, ["key"])
    todo = request(f"{url}?key_contains=testkey")[1]["items"][0]
    entity_url = f"{url}/{todo['id']}"
    assert refused(entity_url, "PATCH", value=too_long) == (422, ["value"])
    assert refused(entity_url, "PATCH", key="abcde") == (409, ["key"])
    assert request(entity_url) == (200, todo)
    assert patched(entity_url, done=True)["done"] is True

    for number in range(97):
        created(url, key=f"number {number}", value="one of many")
    assert len(found("")) == 50
    assert len(found("done=false")) == 50
    assert len(found("value_contains=many")) == 50
    assert len(found("limit=1")) == 1
    assert len(found("limit=100")) == 100
    for limit in ("0", "101", "-1", "many", ""):
        status, problem = request(f"{url}?limit={limit}")
        assert (status, problem["errors"][0]["field"]) == (422, "limit")


def test_a_running_service_gets_events_for_its_users(bake: Bake) -> None:
    service = bake(database="postgres", concurrency="async")
    service.run("make", "install")
    make_resource(service, OTHERS, "user")
    with serving(service) as (old, database):
        ada = users_are_kept(f"{old}/v1/users")
        make_resource(service, OTHERS, "event")
        calls = ("= repositories.", "= await repositories."), ("body(start", "body(client, start")
        add_lines(service, EVENTS, *calls)
        its_checks_pass(service)
        with serving(service, DATABASE_URL=database) as (new, _):
            assert request(f"{new}/v1/users/{ada['id']}") == (200, ada)
            its_events_have_a_publisher(new, ada)
            assert request(f"{old}/readyz")[0] == 200
            assert request(f"{old}/v1/users/{ada['id']}") == (200, ada)


def users_are_kept(url: str) -> dict[str, Any]:
    ada = created(url, email="ada@example.com", name="Ada")
    assert UUID(ada["id"]).version == 7
    assert request(f"{url}/{ada['id']}") == (200, ada)
    assert refused(url, "POST", email="ada@example.com", name="Bob") == (409, ["email"])
    bob = created(url, email="bob@example.com", name="Bob")
    assert refused(f"{url}/{bob['id']}", "PATCH", email="ada@example.com") == (409, ["email"])
    assert patched(f"{url}/{bob['id']}", name="Rob")["name"] == "Rob"
    assert request(f"{url}/{bob['id']}", "DELETE")[0] == 204
    assert request(url)[1]["items"] == [ada]
    return ada


def its_events_have_a_publisher(url: str, ada: dict[str, Any]) -> None:
    events, users = f"{url}/v1/events", f"{url}/v1/users"
    new: dict[str, object] = {"name": "Fair", "category": "trade", "publisher_id": ada["id"]}
    an_event_ends_after_it_starts(events, new)
    times = {"start": NOON, "end": ONE}
    event = created(events, **new, **times)
    entity_url = f"{events}/{event['id']}"
    assert (event["publisher_id"], event["publisher"]) == (ada["id"], ada)
    assert request(entity_url) == (200, event)
    assert request(events)[1]["items"] == [event]
    nobody = str(uuid4())
    dangling = new | times | {"publisher_id": nobody}
    assert refused(events, "POST", **dangling) == (409, ["publisher_id"])
    assert refused(entity_url, "PATCH", publisher_id=nobody) == (409, ["publisher_id"])
    assert refused(entity_url, "PATCH", publisher_id=None) == (422, ["publisher_id"])
    assert request(f"{users}/{ada['id']}", "DELETE")[0] == 409
    assert request(f"{users}/{ada['id']}") == (200, ada)

    bob = created(users, email="bob@example.com", name="Bob")
    assert patched(entity_url, publisher_id=bob["id"])["publisher"] == bob
    renamed = patched(f"{users}/{bob['id']}", name="Rob")
    assert request(entity_url)[1]["publisher"] == renamed
    assert request(f"{events}?publisher_id={ada['id']}")[1]["items"] == []
    assert request(f"{events}?publisher_id={bob['id']}")[1]["items"] == [request(entity_url)[1]]
    assert request(entity_url, "DELETE")[0] == 204
    assert request(f"{users}/{bob['id']}", "DELETE")[0] == 204


def test_these_tests_use_every_command_and_line_of_the_page() -> None:
    used = "".join(section(title) for title in (EVENTS, COUPONS, OTHERS))
    assert COMMAND.findall(PAGE) == COMMAND.findall(used)
    assert LINES.findall(PAGE) == LINES.findall(used)
    assert len(LINES.findall(PAGE)) == len(re.findall(r"^```(?:diff|python)$", PAGE, re.MULTILINE))
