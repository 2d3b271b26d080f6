"""Each variant, installed and run for real. Slow: this takes most of the suite's time."""

import json
import re
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPResponse
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import VARIANTS, Service, cookiecutter, environment, variant_id
from tests.test_hooks import IDENTITY

pytestmark = pytest.mark.slow

# Runs in the service's environment: the server as `make run` starts it, on a database of its own,
# until this script's standard input ends; then tells how the server ended.
SERVE = """
import os, socket, subprocess, sys, time, urllib.request
from tests.database import throwaway_database

with socket.socket() as listener:
    listener.bind(("127.0.0.1", 0))
    port = listener.getsockname()[1]
url = f"http://127.0.0.1:{port}"
with throwaway_database() as database:
    variables = os.environ | {"DATABASE_URL": database, "PORT": str(port)}
    server = subprocess.Popen([sys.executable, "-m", "app"], env=variables)
    for _ in range(200):
        time.sleep(0.1)
        try:
            urllib.request.urlopen(f"{url}/readyz")
        except OSError:
            continue
        break
    print(url, database, flush=True)
    sys.stdin.read()
    server.terminate()
    print(server.wait(10))
"""


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(answers, id=variant_id(answers), marks=pytest.mark.xdist_group(str(number)))
        for number, answers in enumerate(VARIANTS)
    ],
)
def service(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Service:
    """A variant whose full setup went through: locked, installed, committed and checked."""
    folder = tmp_path_factory.mktemp("services")
    answers: dict[str, str] = request.param | {"setup": "full"}
    given = [f"{question}={answer}" for question, answer in answers.items()]
    done = cookiecutter("--output-dir", str(folder), *given, **IDENTITY)
    assert done.returncode == 0, done.stdout
    assert " done." in done.stdout, done.stdout
    return Service(folder / "my-service", answers)


@contextmanager
def serving(service: Service) -> Iterator[tuple[str, str]]:
    """The URLs of a running service and of its database."""
    command = ["uv", "run", "--no-sync", "python", "-c", SERVE]
    with subprocess.Popen(
        command,
        cwd=service.path,
        env=environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout
        url, database = process.stdout.readline().split()
        yield url, database
        ended, log = process.communicate()
    # uvicorn raises SIGTERM again when it has shut down.
    assert ended.strip() in {"0", "-15", "143"}, log
    assert "Application shutdown complete" in log


def request(url: str, method: str = "GET", body: object = None) -> tuple[int, Any]:
    data = None if body is None else json.dumps(body).encode()
    headers = {"Content-Type": "application/json"}
    try:
        sent = urllib.request.Request(url, data, headers, method=method)  # noqa: S310 - our own
        answer: HTTPResponse = urllib.request.urlopen(sent)  # noqa: S310
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)
    text = answer.read()
    return answer.status, json.loads(text) if text.startswith(b"{") else text.decode()


def test_a_variant_passes_its_own_checks(service: Service) -> None:
    """Its setup has run them; this is how its developers will."""
    told = service.run("make", "check")
    assert "Total coverage: 100.00%" in told
    assert re.search(r"= \d+ passed in [\d.]+s", told), "some tests were skipped"


def test_a_setup_leaves_nothing_uncommitted(service: Service) -> None:
    assert service.run("git", "status", "--porcelain") == ""
    assert "uv.lock" in service.run("git", "ls-files")


def test_a_variant_serves(service: Service) -> None:
    with serving(service) as (url, _):
        assert request(f"{url}/readyz") == (200, {"status": "ok"})
        assert request(f"{url}/docs")[0] == 200
        status, item = request(f"{url}/v1/items", "POST", {"name": "bolt"})
        assert status == 201
        assert request(f"{url}/v1/items/{item['id']}") == (200, item)
        assert request(f"{url}/v1/items", "POST", {"name": "bolt"})[0] == 409
        changed = request(f"{url}/v1/items/{item['id']}", "PATCH", {"quantity": 2})
        assert changed[1]["quantity"] == 2
        assert request(f"{url}/v1/items?limit=1")[1] == {"items": [changed[1]], "next_cursor": None}
        assert request(f"{url}/v1/items/{item['id']}", "DELETE")[0] == 204
        assert request(f"{url}/v1/items/{item['id']}")[0] == 404


def test_a_new_revision_is_as_clean_as_the_first(service: Service) -> None:
    table = service.path / "app" / "db" / "tables" / "items.py"
    before = table.read_text(encoding="utf-8")
    try:
        table.write_text(before + "    colour: Mapped[str | None]\n", encoding="utf-8")
        with serving(service) as (_, database):
            told = service.run("make", "migration", "m=add a colour", DATABASE_URL=database)
            assert "add_a_colour" in told
            service.run("make", "migrate", DATABASE_URL=database)
        service.run("uv", "run", "ruff", "format", "--check")
        service.run("uv", "run", "ruff", "check")
        service.run("uv", "run", "pytest", "tests/db/test_migrations.py")
    finally:
        service.run("git", "stash", "--include-untracked", **IDENTITY)
        service.run("git", "stash", "drop")


def test_the_database_that_the_tests_are_given_keeps_what_it_has(
    service: Service, tmp_path: Path
) -> None:
    with serving(service) as (url, database):
        request(f"{url}/v1/items", "POST", {"name": "bolt"})
        service.run("uv", "run", "pytest", "tests/db/test_contract.py", TEST_DATABASE_URL=database)
        (item,) = request(f"{url}/v1/items")[1]["items"]
        assert item["name"] == "bolt"


def test_the_hooks_of_pre_commit_pass_without_a_network(service: Service) -> None:
    service.run("prek", "run", "--all-files", UV_OFFLINE="1")


def test_a_service_can_be_tested_on_the_server_from_the_wheel(service: Service) -> None:
    if service.answers["database"] == "sqlite":
        assert not (service.path / "tests" / "postgres.py").exists()
        return
    force = (
        "import os, psycopg, tests.postgres as p\n"
        "p.PLACES, os.environ['PATH'] = (), ''\n"
        "with p.throwaway_server() as url:\n"
        "    print(psycopg.connect(url).execute('SHOW server_version').fetchone())\n"
    )
    assert "18." in service.run("uv", "run", "--no-sync", "python", "-c", force)
