"""`make idempotency`: its output passes all checks, and a POST is executed once despite kills."""

import json
import random
import re
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from http.client import HTTPException
from typing import Any

import pytest

from tests.conftest import Bake, Service, commit, each_choice, make_once
from tests.test_consistency import kill, start_server
from tests.test_fleet import free_ports
from tests.test_services import request

ROUNDS, CLIENTS = 4, 12
CHECKS = (("ruff", "format", "--check"), ("ruff", "check"), ("mypy",), ("alembic", "check"))
TESTS = ("idempotency", "items", "events", "openapi")
SNIPPET = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)


@pytest.mark.slower
@each_choice
def test_a_repeated_create_is_executed_once_despite_kills(
    bake: Bake, answers: dict[str, str]
) -> None:
    service = bake(**answers)
    service.run("make", "install")
    commit(service, "First commit")
    make_once(service, "idempotency")
    service.run("make", "resource", "name=event", "fields=title:str(128):unique place:ref(item)?")
    its_page_shows_the_route(service)
    with service.throwaway("database") as url, ExitStack() as servers:
        variables = {"DATABASE_URL": url, "AUTH": "none", "PORT": str(free_ports(1)[0])}
        service.run("uv", "run", "alembic", "upgrade", "head", **variables)
        its_checks_pass(service, url)
        created: dict[str, Any] = {}
        for number in range(ROUNDS):
            created |= create_despite_a_kill(service, variables, servers, f"{number}.")
        start_server(service, variables, servers)
        found = request(f"http://127.0.0.1:{variables['PORT']}/v1/events?limit=100&total=true")[1]
        assert found["total"] == ROUNDS * CLIENTS
        assert {event["title"]: event for event in found["items"]} == created


def its_page_shows_the_route(service: Service) -> None:
    (route,) = SNIPPET.findall(service.read("docs/idempotency.md"))
    assert route in service.read("app/api/routes/items.py")
    assert "    once: OnceDep,\n" in service.read("app/api/routes/events.py")


def its_checks_pass(service: Service, url: str) -> None:
    for check in CHECKS:
        service.run("uv", "run", *check, DATABASE_URL=url)
    service.run("uv", "run", "pytest", *(f"tests/api/test_{name}.py" for name in TESTS))


def create_despite_a_kill(
    service: Service, variables: dict[str, str], servers: ExitStack, prefix: str
) -> dict[str, Any]:
    """Kills the server while it creates events, repeats the requests, and returns the events."""
    titles = [f"{prefix}{number}" for number in range(CLIENTS)]
    port = variables["PORT"]
    server = start_server(service, variables, servers)
    with ThreadPoolExecutor(CLIENTS) as clients:
        first = clients.map(partial(create, port), titles)
        time.sleep(random.uniform(0.005, 0.06))  # noqa: S311 - no secret
        kill(server, port)
        first_responses = dict(zip(titles, first, strict=True))
        server = start_server(service, variables, servers)
        retried = clients.map(partial(create_with_retries, port), titles)
        created = dict(zip(titles, retried, strict=True))
    kill(server, port)
    assert {
        title for title in titles if first_responses[title] not in {None, created[title]}
    } == set()
    return {title: json.loads(body) for title, body in created.items()}


def create(port: str, title: str) -> bytes | None:
    """Returns the response; None without one, or if the client has to retry."""
    headers = {"Content-Type": "application/json", "Idempotency-Key": title}
    body = json.dumps({"title": title}).encode()
    sent = urllib.request.Request(f"http://127.0.0.1:{port}/v1/events", body, headers)
    try:
        with urllib.request.urlopen(sent, timeout=30) as response:  # noqa: S310 - our own
            created: bytes = response.read()
            return created
    except urllib.error.HTTPError as error:
        detail = json.load(error)["detail"]
        # Postgres may not have noticed yet that the client of a transaction was killed.
        if not (error.code == 503 or "is still running" in detail):
            raise AssertionError(detail) from error
    except (OSError, HTTPException):
        pass
    return None


def create_with_retries(port: str, title: str) -> bytes:
    end = time.monotonic() + 30
    while not (created := create(port, title)):
        assert time.monotonic() < end, f"{title} is not created"
        time.sleep(0.05)
    return created
