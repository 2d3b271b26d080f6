"""Postgres is stopped by SIGSTOP: requests end in time, and all is well once it continues."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from tests.conftest import Bake, Service
from tests.test_services import request, serving

pytestmark = [
    pytest.mark.slower,
    pytest.mark.skipif(sys.platform != "linux", reason="finds the processes in /proc"),
]

# A server; each line on standard input names a signal that all of its processes receive.
SERVER = """
import os, re, signal, sys
from pathlib import Path
from sqlalchemy import create_engine, text
from tests.database import throwaway_server

def parent(process):
    try:
        status = (process / "status").read_text()
    except OSError:  # it has just ended
        return None
    return int(re.search(r"^PPid:\\s+([0-9]+)", status, re.MULTILINE)[1])

with throwaway_server() as url:
    with create_engine(url).connect() as connection:
        backend = connection.scalar(text("SELECT pg_backend_pid()"))
    postmaster = parent(Path("/proc", str(backend)))
    print(url, flush=True)
    for line in sys.stdin:
        processes = [path for path in Path("/proc").glob("[0-9]*") if parent(path) == postmaster]
        for number in (postmaster, *(int(path.name) for path in processes)):
            os.kill(number, signal.Signals[line.strip()])
        print("done", flush=True)
"""
TIMEOUT = 2  # seconds


@pytest.mark.parametrize(
    "concurrency", ["sync", pytest.param("async", marks=pytest.mark.exhaustive)]
)
def test_a_stopped_database_holds_no_request(bake: Bake, concurrency: str) -> None:
    service = bake(database="postgres", concurrency=concurrency)
    service.run("make", "install")
    with (
        postgres(service) as (database, send),
        serving(service, DATABASE_URL=database, REQUEST_TIMEOUT=str(TIMEOUT)) as (url, _),
    ):
        items = f"{url}/v1/items"
        assert request(items, "POST", {"name": "bolt"})[0] == 201
        send("SIGSTOP")
        for method, body in (("GET", None), ("POST", {"name": "nut"})):
            status, seconds = timed(items, method, body)
            assert status == 503
            assert seconds < TIMEOUT + 1
        assert timed(f"{url}/livez")[0] == 200
        assert timed(f"{url}/readyz")[0] == 503
        send("SIGCONT")
        deadline = time.monotonic() + 1
        while timed(items)[0] != 200:
            assert time.monotonic() < deadline, "not within a second"
        status, _ = timed(items, "POST", {"name": "washer"})
        assert status == 201
        assert request(f"{url}/readyz")[0] == 200


def timed(url: str, method: str = "GET", body: object = None) -> tuple[int, float]:
    start = time.monotonic()
    status, _ = request(url, method, body)
    return status, time.monotonic() - start


@contextmanager
def postgres(service: Service) -> Iterator[tuple[str, Callable[[str], None]]]:
    """A server's URL, and what sends a signal to all of its processes."""
    with service.start(SERVER) as server:
        url = read_line(server)

        def send(signal: str) -> None:
            assert server.stdin
            server.stdin.write(f"{signal}\n")
            server.stdin.flush()
            assert read_line(server) == "done"

        try:
            yield url, send
        finally:
            send("SIGCONT")


def read_line(server: subprocess.Popen[str]) -> str:
    assert server.stdout
    line = server.stdout.readline().strip()
    assert line, server.communicate()[1]
    return line
