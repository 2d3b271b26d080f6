"""Follows docs/leaving-sqlite.md: the responses on Postgres equal those on SQLite."""

import json
import os
import re
import signal
import socket
import sqlite3
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.conftest import ROOT, Service, Template, environment, execute, kill, start_process
from tests.test_services import request
from tests.test_updates import conflicts, with_its_own_events

COUNT = 10_000
COLUMNS = (
    "id, name, description, quantity, is_active, available_from, version, created_at, updated_at"
)
ENTITIES = ("items", "events")
SORTS = ("created_at", "-created_at", "name", "-name")
# Values that databases store differently, in all combinations.
NAMES = ("bolt", "Ünï", "ünï", "İıſß", "道路", "😀", "a\u0301", "\t\n\\N", "%_\\'\"", "~", "Z", "_")
DESCRIPTIONS = (
    None,
    "",
    "plain",
    "line\nline\r\n\ttab",
    "\\.",
    "\x01\x7f\u2028\ufeff😀",
    "é" * 1000,
)
QUANTITIES = (0, 1, 2**31 - 1)
VERSIONS = (1, 2**31 - 1, -(2**31))
INSTANTS = (
    None,
    "0001-01-02 00:00:00.000000",
    "9999-12-29 23:59:59.999999",
    "1969-12-31 23:59:59.999999",
    "2026-03-29 01:30:00.000001",
    "2026-10-25 01:30:00.100000",
)


def fill(database: str) -> None:
    """Inserts rows of both resources as the service writes them."""
    with closing(sqlite3.connect(database.removeprefix("sqlite:///"))) as connection:
        for entity in ENTITIES:
            rows = [
                (
                    f"{(number * 7919) % COUNT:08x}{number:024x}",
                    f"{NAMES[number % len(NAMES)]}{number}",
                    DESCRIPTIONS[number % len(DESCRIPTIONS)],
                    QUANTITIES[number % len(QUANTITIES)],
                    number % 2,
                    INSTANTS[number % len(INSTANTS)],
                    VERSIONS[number % len(VERSIONS)],
                    # Many rows have the same timestamp: their ids decide.
                    f"2026-01-01 00:00:{number % 60:02}.{number % 3:06}",
                    f"2026-02-01 00:00:00.{number:06}",
                )
                for number in range(COUNT)
            ]
            statement = f"INSERT INTO {entity} ({COLUMNS}) VALUES ({', '.join('?' * 9)})"  # noqa: S608 - our own names
            connection.executemany(statement, rows)
        connection.commit()


@contextmanager
def serving_on(service: Service, database: str) -> Iterator[str]:
    """Yields the URL of the service on an existing database."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = str(listener.getsockname()[1])
    url = f"http://127.0.0.1:{port}"
    log = service.path.parent / "serving.log"
    with log.open("w") as output:
        process = subprocess.Popen(
            ["uv", "run", "--no-sync", "python", "-m", "app"],
            cwd=service.path,
            env=environment(DATABASE_URL=database, PORT=port, LOG_LEVEL="warning"),
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        for _ in range(200):
            time.sleep(0.1)
            try:
                request(f"{url}/readyz")
            except OSError:
                continue
            break
        yield url
    finally:
        process.terminate()
        try:
            process.wait(20)
        finally:
            kill(process)


def responses_of(url: str) -> dict[str, tuple[str | None, bytes]]:
    """Returns the raw responses for lists in every order, filtered lists, and single rows."""
    responses: dict[str, tuple[str | None, bytes]] = {}

    def get(path: str) -> bytes:
        with urllib.request.urlopen(url + path) as response:  # noqa: S310 - our own
            body: bytes = response.read()
        responses[path] = response.headers["ETag"], body
        return body

    for entity in ENTITIES:
        for sort in SORTS:
            path: str | None = f"/v1/{entity}?limit=100&sort={sort}"
            while path:
                page = json.loads(get(path))
                cursor = page["next_cursor"]
                path = cursor and f"/v1/{entity}?limit=100&sort={sort}&cursor={quote(cursor)}"
        for row in page["items"]:
            get(f"/v1/{entity}/{row['id']}")
        for name in NAMES:
            get(f"/v1/{entity}?is_active=true&name_contains={quote(name)}")
    assert len(responses) >= 2 * (4 * COUNT // 100 + 100 + len(NAMES))
    return responses


def execute_sql(service: Service, database: str, statement: str) -> str:
    """Runs a statement with the service's driver."""
    script = (
        "import os, sys, psycopg\n"
        "with psycopg.connect(os.environ['DATABASE_URL']) as connection:\n"
        "    found = connection.execute(sys.argv[1])\n"
        "    print(*(found.fetchone() if found.description else ()))\n"
    )
    output = service.run("uv", "run", "python", "-c", script, statement, DATABASE_URL=database)
    return output.strip()


def step(number: int) -> str:
    """Returns the commands of a step of the page."""
    page = (ROOT / "docs" / "leaving-sqlite.md").read_text(encoding="utf-8")
    script = page.partition("```sh\n")[2].partition("```")[0]
    (commands,) = re.findall(rf"^# {number}\. .*\n((?:.+\n)+)", script, re.MULTILINE)
    return str(commands)


@pytest.mark.slower
@pytest.mark.parametrize(
    "concurrency", ["async", pytest.param("sync", marks=pytest.mark.exhaustive)]
)
def test_a_service_leaves_sqlite_with_all_its_rows(
    tmp_path: Path, template: Template, concurrency: str
) -> None:
    answers = {"database": "sqlite", "concurrency": concurrency, "setup": "files"}
    service = with_its_own_events(template, tmp_path, answers)
    file = f"sqlite:///{tmp_path / 'service.db'}"
    service.run("make", "migrate", DATABASE_URL=file)
    fill(file)
    with serving_on(service, file) as url:
        before = responses_of(url)
    service.run("sh", "-ec", step(1), DATABASE_URL=file)
    backup = service.path / "backups" / "last.db"
    content = backup.read_bytes()

    service.run("sh", "-ec", step(2))
    assert conflicts(service) == {}
    with service.throwaway("database") as database:
        *_, check_command = step(3).splitlines()  # without the URL of the page itself
        service.run("sh", "-ec", check_command, DATABASE_URL=database)
        it_can_be_interrupted(service, database)
        output = service.run("sh", "-ec", step(4), DATABASE_URL=database)
        assert f"Copied {2 * COUNT} rows" in output
        assert backup.read_bytes() == content
        with serving_on(service, database) as url:
            after = responses_of(url)
        assert [path for path in before if before[path] != after.get(path)] == []
        assert after.keys() == before.keys()
        again = execute("sh", "-ec", step(4), folder=service.path, DATABASE_URL=database)
        assert again.returncode != 0
        assert "Nothing was copied: the target is not empty" in again.stdout


SLOW = """
    CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN PERFORM pg_sleep(0.002); RETURN NEW; END $$;
    CREATE TRIGGER wait BEFORE INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION wait()
"""
COPIES_RUNNING = """
    SELECT count(*) FROM pg_stat_activity
    WHERE query LIKE 'COPY "{table}"%' AND pid <> pg_backend_pid()
"""


def it_can_be_interrupted(service: Service, database: str) -> None:
    """Interrupts the copy in the first and the last table, with SIGINT and SIGKILL."""
    for table, number in (("events", signal.SIGINT), ("items", signal.SIGKILL)):
        execute_sql(service, database, SLOW.format(table=table))
        copy = ("sh", "-ec", step(4))
        with start_process(*copy, folder=service.path, DATABASE_URL=database) as process:
            wait_for(service, database, COPIES_RUNNING.format(table=table), "1")
            os.killpg(process.pid, number)
            output = process.communicate(timeout=60)[0]
        assert process.returncode != 0
        if number == signal.SIGINT:
            assert "Nothing was copied: interrupted." in output
        wait_for(service, database, COPIES_RUNNING.format(table=table), "0")
        for entity in ENTITIES:
            assert execute_sql(service, database, f"SELECT count(*) FROM {entity}") == "0"  # noqa: S608 - our own names
        execute_sql(service, database, f"DROP TRIGGER wait ON {table}; DROP FUNCTION wait")


def wait_for(service: Service, database: str, statement: str, expected: str) -> None:
    for _ in range(100):
        if execute_sql(service, database, statement) == expected:
            return
        time.sleep(0.1)
    raise AssertionError(f"not {expected}: {statement}")
