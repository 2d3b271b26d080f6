"""docs/streams.md of a service is typed, and its streams are followed from outside."""

import json
import os
import re
import signal
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.client import HTTPResponse
from typing import Any

import pytest
from websockets.sync.client import connect

from tests.conftest import Bake, Service, each_choice, loses_lines, start_process
from tests.test_business_rules import add, created, patched
from tests.test_first_month import steps
from tests.test_fleet import free_ports
from tests.test_webhooks import wait_until

pytestmark = pytest.mark.slower

PAGE = "docs/streams.md"
STREAMS = 50
SMALL_LIMITS = {"DATABASE_POOL_SIZE": "1", "REQUEST_TIMEOUT": "1", "MAX_CONCURRENT_REQUESTS": "5"}


@each_choice
def test_changes_are_streamed(bake: Bake, answers: dict[str, str]) -> None:
    service = bake(**answers)
    service.run("make", "install")
    with service.throwaway("database") as database:
        for where, name, kind, lines in steps(service, PAGE):
            if kind == "sh":
                service.run("bash", "-ec", lines, DATABASE_URL=database)
            elif where:
                add(service, where, name, lines)
        its_checks_pass(service)
        service.run("make", "migrate", DATABASE_URL=database)
        with running(service, database) as (url, process), ExitStack() as stack:
            followers = [follow(stack, url) for _ in range(STREAMS)]
            websocket = stack.enter_context(connect(f"ws{url[4:]}/v1/items/changes"))
            time.sleep(1.5)  # longer than a request may take until its response begins
            item = created(f"{url}/v1/items", name="bolt")
            added = {"resource": "items", "action": "added", "id": item["id"], "version": 1}
            assert [next(changes) for changes in followers] == [added] * STREAMS
            assert json.loads(websocket.recv()) == added
            if answers["database"] == "postgres":
                another_process_notifies_them(service, database, item["id"], followers)
            ends_at_once(process, followers)


def its_checks_pass(service: Service) -> None:
    for check in (("ruff", "format", "--check"), ("ruff", "check"), ("mypy",)):
        service.run("uv", "run", *check)
    tests = [f"tests/api/test_{name}.py" for name in ("auth", "changes", "fuzzing", "health")]
    tests += ["tests/api/test_openapi.py", "tests/test_architecture.py"]
    output = service.run("uv", "run", "pytest", "--cov", "--cov-fail-under=0", *tests)
    own = r"^app/(?:repositories/changes|db/sql/changes|db/listener).*"
    missed = re.findall(own, output, re.MULTILINE)
    assert missed == [] or loses_lines(service, output), output


@contextmanager
def running(service: Service, database: str) -> Iterator[tuple[str, Any]]:
    """The URL of the service, in a process that can be stopped."""
    port = free_ports(1)[0]
    url = f"http://127.0.0.1:{port}"
    python = str(service.path / ".venv" / "bin" / "python")
    variables = {
        "DATABASE_URL": database,
        "PORT": str(port),
        "LOG_LEVEL": "warning",
        **SMALL_LIMITS,
    }
    with start_process(python, "-m", "app", folder=service.path, **variables) as process:
        wait_until(lambda: accepts_streams(url))
        yield url, process


def accepts_streams(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/v1/items/changes"):  # noqa: S310 - our own
            return True
    except OSError:
        return False


def follow(stack: ExitStack, url: str) -> Iterator[Any]:
    response: HTTPResponse = urllib.request.urlopen(f"{url}/v1/items/changes", timeout=30)  # noqa: S310 - our own
    stack.enter_context(response)
    return (json.loads(line[6:]) for line in response if line.startswith(b"data: "))


def another_process_notifies_them(
    service: Service, database: str, id_: str, followers: list[Iterator[Any]]
) -> None:
    with running(service, database) as (url, _):
        assert patched(f"{url}/v1/items/{id_}", quantity=2)["quantity"] == 2
    received = [next(changes) for changes in followers]
    assert {(change["action"], change["id"], change["version"]) for change in received} == {
        ("updated", id_, 2)
    }


def ends_at_once(process: Any, followers: list[Iterator[Any]]) -> None:
    started_at = time.monotonic()
    os.kill(process.pid, signal.SIGTERM)
    assert [[*changes] for changes in followers] == [[]] * STREAMS
    assert process.wait(10) in {0, -signal.SIGTERM, 128 + signal.SIGTERM}
    assert time.monotonic() - started_at < 2
