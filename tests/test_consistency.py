"""Linearizability: many concurrent clients, while processes are killed.

Like Jepsen: rows are registers, and their versions order all writes. Every request is recorded with
its start and end; a checker then looks for anomalies that a single copy of each row cannot show.
"""

import json
import os
import random
import signal
import socket
import subprocess
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from http.client import HTTPConnection, HTTPException
from itertools import count
from threading import Event, Thread
from typing import Any

import pytest

from tests.conftest import VARIANTS, Bake, Service, start_process, variant_id
from tests.test_fleet import free_ports

pytestmark = pytest.mark.slower

CLIENTS, ROWS, SECONDS = 16, 12, 20
TERMINATE = """
import os, psycopg
with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as connection:
    connection.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
"""
REVISION = '''"""add a note"""

import sqlalchemy as sa
from alembic import op

revision = "note"
down_revision = "{head}"


def upgrade() -> None:
    op.add_column("items", sa.Column("note", sa.String(length=10), nullable=True))


def downgrade() -> None:
    op.drop_column("items", "note")
'''


@dataclass(frozen=True)
class Entry:
    """What a request returned of a row; a list returns only the value."""

    row: str
    started_at: float
    ended_at: float
    value: int
    version: int | None
    is_write: bool = False
    base: int | None = None  # the version in If-Match


def anomalies(history: list[Entry]) -> Iterator[str]:
    """Yields anomalies: lost updates, values that nobody wrote, stale reads."""
    values: dict[tuple[str, int], int] = {}
    versions: dict[tuple[str, int], int] = {}
    for entry in history:
        if entry.version is not None:
            key = (entry.row, entry.version)
            if values.setdefault(key, entry.value) != entry.value:
                yield f"two values of version {entry.version}: {values[key]}, {entry}"
            versions[entry.row, entry.value] = entry.version
    versioned = [
        replace(entry, version=entry.version or versions.get((entry.row, entry.value)))
        for entry in history
    ]
    rows: dict[str, list[Entry]] = defaultdict(list)
    for entry in versioned:
        if entry.version is not None:
            rows[entry.row].append(entry)
    for row in rows.values():
        written: set[int | None] = set()
        for entry in row:
            if entry.is_write and entry.version in written:
                yield f"an update was lost: {entry}"
            if entry.base is not None and entry.version != entry.base + 1:
                yield f"another version than {entry.base} was changed: {entry}"
            written |= {entry.version} if entry.is_write else set()
        yield from stale_reads(row)


def stale_reads(row: list[Entry]) -> Iterator[str]:
    """Yields reads that started after a newer value had been returned."""
    newest, before = 0, iter(sorted(row, key=lambda entry: entry.ended_at))
    last = next(before, None)
    for entry in sorted(row, key=lambda entry: entry.started_at):
        while last and last.ended_at < entry.started_at:
            newest, last = max(newest, last.version or 0), next(before, None)
        assert entry.version is not None
        if entry.version < newest + entry.is_write:
            yield f"version {newest} had been seen before: {entry}"


@dataclass
class Client:
    """Sends requests, one after the other, until it is stopped."""

    port: int
    rows: dict[str, str]  # ids by name
    values: Iterator[int]
    random: random.Random
    history: list[Entry]
    errors: list[str]

    def run(self, stop: Event) -> None:
        etags = dict.fromkeys(self.rows, "")
        while not stop.is_set():
            row = self.random.choice([*self.rows])
            actions: list[Callable[[str, dict[str, str]], None]] = [
                *[self.read] * 8,
                *[self.change] * 7,
                *[self.overwrite] * 2,
                *[self.list_] * 2,
                self.create_and_delete,
            ]
            action = self.random.choice(actions)
            try:
                action(row, etags)
            except (OSError, HTTPException):
                time.sleep(0.05)  # the connection broke; the outcome is unknown

    def send(
        self, method: str, path: str, body: object = None, **headers: str
    ) -> tuple[int, str, Any]:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            data = None if body is None else json.dumps(body)
            connection.request(method, path, data, {"Content-Type": "application/json"} | headers)
            response = connection.getresponse()
            text = response.read()
            return response.status, response.getheader("ETag", ""), json.loads(text or b"null")
        finally:
            connection.close()

    def read(self, row: str, etags: dict[str, str]) -> None:
        started_at = time.monotonic()
        status, etag, item = self.send("GET", f"/v1/items/{self.rows[row]}")
        if self.is_expected(status, 200):
            etags[row] = etag
            self.record(row, started_at, item["quantity"], etag)

    def change(self, row: str, etags: dict[str, str]) -> None:
        if not etags[row]:
            self.read(row, etags)
            return
        base = etags[row]
        self.write(row, etags, {"If-Match": base}, version_of(base))

    def overwrite(self, row: str, etags: dict[str, str]) -> None:
        self.write(row, etags, {}, None)

    def write(
        self, row: str, etags: dict[str, str], headers: dict[str, str], base: int | None
    ) -> None:
        value, started_at = next(self.values), time.monotonic()
        path, body = f"/v1/items/{self.rows[row]}", {"quantity": value}
        etags[row] = ""
        status, etag, item = self.send("PATCH", path, body, **headers)
        if self.is_expected(status, 200, 412) and status != 412:
            if item["quantity"] != value:
                self.errors.append(f"{value} was sent, and {item} answered")
            etags[row] = etag
            self.record(row, started_at, value, etag, is_write=True, base=base)

    def list_(self, *_unused: object) -> None:
        started_at = time.monotonic()
        status, _, page = self.send("GET", "/v1/items?limit=100&name_contains=register")
        if self.is_expected(status, 200):
            found = {item["name"]: item["quantity"] for item in page["items"]}
            if found.keys() != self.rows.keys():
                self.errors.append(f"a list has {sorted(found)}")
            for name, value in found.items():
                self.record(name, started_at, value)

    def create_and_delete(self, *_unused: object) -> None:
        """Creates, changes and deletes an item that only this client uses."""
        body = {"name": f"own {next(self.values)}"}
        status, etag, item = self.send("POST", "/v1/items", body)
        if not self.is_expected(status, 201):
            return
        path = f"/v1/items/{item['id']}"
        self.expect_status(path, 200)
        status, *_ = self.send("DELETE", path, None, **{"If-Match": etag})
        if self.is_expected(status, 204):
            self.expect_status(path, 404)

    def expect_status(self, path: str, expected: int) -> None:
        self.is_expected(self.send("GET", path)[0], expected)

    def is_expected(self, status: int, *expected: int) -> bool:
        """Whether the request was served; an unavailable service answers 503."""
        if status not in {*expected, 503}:
            self.errors.append(f"{status} instead of {expected}")
        return status in expected

    def record(self, row: str, started_at: float, value: int, etag: str = "", **more: Any) -> None:
        version = version_of(etag) if etag else None
        self.history.append(Entry(row, started_at, time.monotonic(), value, version, **more))


def version_of(etag: str) -> int:
    return int(etag.strip('"').partition("-")[0])


@pytest.mark.parametrize("answers", VARIANTS, ids=variant_id)
def test_all_reads_agree_with_one_order_of_writes(bake: Bake, answers: dict[str, str]) -> None:
    service = bake(**answers)
    service.run("make", "install")
    with service.throwaway("database") as url, ExitStack() as servers:
        variables = {
            "DATABASE_URL": url,
            "WORKERS": "2",
            "AUTH": "none",
            "PORT": str(free_ports(1)[0]),
        }
        service.run("uv", "run", "alembic", "upgrade", "head", **variables)
        history, errors = observe_clients(service, variables, servers)
    assert errors == []
    assert [*anomalies(history)] == []
    assert sum(entry.is_write for entry in history) > 40
    assert len(history) > 400


def observe_clients(
    service: Service, variables: dict[str, str], servers: ExitStack
) -> tuple[list[Entry], list[str]]:
    server, end = start_server(service, variables, servers), time.monotonic() + SECONDS
    with clients(int(variables["PORT"])) as outcome:
        for fault in faults(service, variables):
            time.sleep(2)
            fault()
            time.sleep(1)
            kill(server, variables["PORT"])
            server = start_server(service, variables, servers)
        time.sleep(max(0, end - time.monotonic()))
    return outcome


@contextmanager
def clients(port: int) -> Iterator[tuple[list[Entry], list[str]]]:
    """Runs the clients inside the block; yields what they read, and their errors."""
    values, history, errors = count(1), list[Entry](), list[str]()
    first = Client(port, {}, values, seeded_random(0), history, errors)
    for number in range(ROWS):
        body = {"name": f"register {number}", "quantity": 0}
        status, _, item = first.send("POST", "/v1/items", body)
        assert status == 201
        first.rows[item["name"]] = item["id"]
    stop = Event()
    threads = [
        Thread(target=replace(first, random=seeded_random(seed)).run, args=[stop])
        for seed in range(CLIENTS)
    ]
    for thread in threads:
        thread.start()
    try:
        yield history, errors
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def seeded_random(seed: int) -> random.Random:
    return random.Random(seed)  # noqa: S311 - to send the same requests again, not to keep secrets


def faults(service: Service, variables: dict[str, str]) -> Iterator[Callable[[], object]]:
    """Kills and restarts processes in turn."""
    (first,) = service.files("*_create_items_*.py")
    head = first.stem.rpartition("_")[2]
    revision = first.with_name("20270101_note.py")
    revision.write_text(REVISION.format(head=head), encoding="utf-8")
    alembic = ("uv", "run", "--no-sync", "alembic")
    yield lambda: service.run(*alembic, "upgrade", "head", **variables)
    yield lambda: service.run(*alembic, "downgrade", head, **variables)
    if service.answers["database"] == "postgres":
        yield lambda: service.run("uv", "run", "--no-sync", "python", "-c", TERMINATE, **variables)


def start_server(service: Service, variables: dict[str, str], servers: ExitStack) -> Any:
    command = ("uv", "run", "--no-sync", "python", "-m", "app")
    log = {"LOG_LEVEL": "error"}
    process = servers.enter_context(
        start_process(*command, folder=service.path, **variables, **log)
    )
    end = time.monotonic() + 30
    while time.monotonic() < end:
        with suppress(OSError), socket.create_connection(("127.0.0.1", int(variables["PORT"]))):
            return process
        time.sleep(0.05)
    raise AssertionError(process.communicate()[0])


def kill(server: subprocess.Popen[str], port: str) -> None:
    """Returns once the port is free: a killed server may accept connections until it is gone."""
    os.killpg(server.pid, signal.SIGKILL)
    with suppress(OSError):
        while True:
            socket.create_connection(("127.0.0.1", int(port))).close()


def write(row: str, started_at: float, value: int, version: int, base: int | None = None) -> Entry:
    return Entry(row, started_at, started_at + 0.5, value, version, is_write=True, base=base)


@pytest.mark.parametrize(
    ("history", "expected"),
    [
        ([write("a", 1, 7, 2, 1), write("a", 1, 8, 2, 1)], ["two values", "update was lost"]),
        ([write("a", 1, 7, 2), Entry("a", 2, 3, 9, 2)], ["two values"]),
        (
            [write("a", 1, 7, 2), write("a", 2, 8, 3), Entry("a", 3, 4, 7, 2)],
            ["version 3 had been"],
        ),
        ([write("a", 1, 7, 2), write("a", 2, 8, 3), Entry("a", 3, 4, 7, None)], ["version 3 had"]),
        ([write("a", 1, 7, 3, 1)], ["another version than 1"]),
        ([write("a", 1, 7, 2), write("b", 2, 8, 2), Entry("a", 1.2, 4, 7, 2)], []),
        ([write("a", 1, 7, 2), Entry("a", 1.2, 4, 0, 1), write("a", 3, 8, 3, 2)], []),
    ],
)
def test_the_checker_finds_anomalies(history: list[Entry], expected: list[str]) -> None:
    found = [*anomalies(history)]
    assert len(found) == len(expected), found
    assert all(words in line for words, line in zip(expected, found, strict=True)), found
