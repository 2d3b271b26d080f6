"""Each variant, installed, checked and served. Slow: this takes most of the suite's time."""

import json
import re
import tomllib
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPResponse
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import (
    IDENTITY,
    VARIANTS,
    Service,
    all_is_covered,
    constant,
    escaped,
    render,
)
from tests.test_answer_validation import ODD_ANSWERS
from tests.test_ci import FILES, its_jobs_pass, its_secrets_are_found

pytestmark = pytest.mark.slow

# Runs in the service's environment: the server, started like `make run` on the given database or a
# temporary one, until this script's standard input ends; then prints the server's exit status.
SERVE = """
import os, socket, subprocess, sys, time, urllib.request
from contextlib import nullcontext
from tests.database import throwaway_database

with socket.socket() as listener:
    listener.bind(("127.0.0.1", 0))
    port = listener.getsockname()[1]
url = f"http://127.0.0.1:{port}"
given = os.environ.get("DATABASE_URL")
with nullcontext(given) if given else throwaway_database() as database:
    variables = os.environ | {"DATABASE_URL": database, "PORT": str(port)}
    if os.environ.get("APP_ENV") == "production":  # there it does not migrate
        migrate = [sys.executable, "-m", "alembic", "upgrade", "head"]
        subprocess.run(migrate, env=variables, check=True)
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


SERVICES = [
    answers | odd | {"ci": ci, "setup": "full"}
    for answers, odd, ci in zip(VARIANTS, ODD_ANSWERS, [*FILES, *FILES], strict=True)
]


@pytest.mark.parametrize(
    "answers", SERVICES, ids=["{database}-{concurrency}-{ci}".format(**one) for one in SERVICES]
)
def test_a_variant_is_set_up_and_passes_its_checks_and_serves(
    tmp_path: Path, answers: dict[str, str]
) -> None:
    """One test for all steps: the setup takes more than a minute, and workers share no fixtures.

    The answers are unusual, the path has spaces, and there is no compiler.
    """
    arguments = [f"{question}={escaped(question, answer)}" for question, answer in answers.items()]
    folder = tmp_path / "a folder of 'mine'"
    output = render(folder, *arguments, CC="/no/compiler", CXX="/no/compiler", **IDENTITY)
    assert " done." in output, output

    service = Service(folder / answers["project_slug"], answers)
    its_lock_is_current_and_names_no_project_that_a_slug_may_have(service)
    everything_is_committed(service)
    its_own_checks_pass(service, its_jobs_pass(service, tmp_path / "programs")["make check"])
    it_serves(service)
    its_tests_leave_the_database_that_they_are_given(service)
    its_commit_hooks_need_no_network(service)
    its_next_revision_is_as_clean_as_the_first(service)
    if answers["database"] == "postgres":
        its_tests_can_use_the_server_of_the_wheel(service)
    its_secrets_are_found(service)


@contextmanager
def serving(service: Service, **variables: str) -> Iterator[tuple[str, str]]:
    """Yields the URLs of a running service and of its database."""
    with service.start(SERVE, **variables) as process:
        assert process.stdout
        output = process.stdout.readline().split()
        assert len(output) == 2, process.communicate()[1]
        yield output[0], output[1]
        ended, log = process.communicate()
    # uvicorn raises SIGTERM again when it has shut down.
    assert ended.strip() in {"0", "-15", "143"}, log
    assert "Application shutdown complete" in log


def request(url: str, method: str = "GET", body: object = None, token: str = "") -> tuple[int, Any]:
    data = None if body is None else json.dumps(body).encode()
    headers = {"Content-Type": "application/json"}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    try:
        sent = urllib.request.Request(url, data, headers, method=method)  # noqa: S310 - our own
        answer: HTTPResponse = urllib.request.urlopen(sent)  # noqa: S310
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)
    text = answer.read()
    return answer.status, json.loads(text) if text.startswith((b"{", b"[")) else text.decode()


def its_own_checks_pass(service: Service, output: str) -> None:
    assert all_is_covered(service, output)
    assert re.search(r"= \d+ passed in [\d.]+s", output), "some tests were skipped"


def its_lock_is_current_and_names_no_project_that_a_slug_may_have(service: Service) -> None:
    service.run("uv", "lock", "--check")
    locked = {package["name"] for package in tomllib.loads(service.read("uv.lock"))["package"]}
    refused = constant("pre_gen_project.py", "DEPENDENCIES").split()
    assert locked - {service.answers["project_slug"].lower()} <= {*refused}


def everything_is_committed(service: Service) -> None:
    assert service.run("git", "status", "--porcelain") == ""
    assert "uv.lock" in service.run("git", "ls-files")


def it_serves(service: Service) -> None:
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


def its_next_revision_is_as_clean_as_the_first(service: Service) -> None:
    table = service.path / "app" / "db" / "tables" / "items.py"
    with table.open("a", encoding="utf-8") as file:
        file.write("    colour: Mapped[str | None]\n")
    with serving(service) as (_, database):
        output = service.run("make", "migration", "m=add a colour", DATABASE_URL=database)
        assert "add_a_colour" in output
        service.run("make", "migrate", DATABASE_URL=database)
    service.run("uv", "run", "ruff", "format", "--check")
    service.run("uv", "run", "ruff", "check")
    service.run("uv", "run", "pytest", "tests/db/test_migrations.py")


def its_tests_leave_the_database_that_they_are_given(service: Service) -> None:
    with serving(service) as (url, database):
        request(f"{url}/v1/items", "POST", {"name": "bolt"})
        service.run("uv", "run", "pytest", "tests/db/test_contract.py", TEST_DATABASE_URL=database)
        (item,) = request(f"{url}/v1/items")[1]["items"]
        assert item["name"] == "bolt"


def its_commit_hooks_need_no_network(service: Service) -> None:
    service.run("prek", "run", "--all-files", UV_OFFLINE="1")


def its_tests_can_use_the_server_of_the_wheel(service: Service) -> None:
    force = (
        "import os, psycopg, tests.postgres as p\n"
        "p.SEARCH_PATHS, os.environ['PATH'] = (), ''\n"
        "with p.throwaway_server() as url:\n"
        "    print(*psycopg.connect(url).execute('SHOW server_version').fetchone())\n"
    )
    output = service.run("uv", "run", "--no-sync", "python", "-c", force)
    assert int(output.split(".")[0]) >= 18
