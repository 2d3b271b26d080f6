"""A standby is promoted under load: the service follows, and no acknowledged write is lost."""

import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from http.client import HTTPException
from itertools import count
from threading import Event, Thread

import pytest

from tests.conftest import Bake
from tests.test_consistency import Client, anomalies, clients, seeded_random, start_server
from tests.test_fleet import free_ports

pytestmark = pytest.mark.slower

# A primary and a synchronous standby. A line on standard input kills the primary, the next one
# promotes the standby.
PAIR = """
import os, secrets, signal, subprocess, sys, tempfile
from pathlib import Path
from tests import postgres
from tests.ports import free_port

with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
    folder, secret = Path(name), Path(name, "password")
    primary, standby = folder / "primary", folder / "standby"
    secret.write_text(password := secrets.token_hex(16))
    user = postgres._ordinary_user(folder, secret)
    binaries = postgres._runnable(postgres._binaries(), folder, user)

    def run(program, *arguments):
        subprocess.run([binaries / program, *arguments], stdout=sys.stderr, check=True, **user)

    def start(data, port, settings):
        with (data / "postgresql.auto.conf").open("a") as file:
            file.write(f"port = {port}\\n{settings}\\n")
        run("pg_ctl", "start", "-w", "-D", data, "-l", folder / f"{data.name}.log", "-o", LISTEN)

    run("initdb", "-D", primary, "--username=tests", "--pwfile", secret, *postgres.CLUSTER)
    subprocess.run(["cp", "-a", primary, standby], check=True)
    (standby / "standby.signal").touch()
    LISTEN = "-c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c fsync=off"
    ports = free_port(), free_port()
    source = f"host=127.0.0.1 port={ports[0]} user=tests password={password}"
    start(primary, ports[0], "synchronous_standby_names = '*'")
    start(standby, ports[1], f"primary_conninfo = '{source}'")
    try:
        hosts = "&".join(f"host=127.0.0.1:{port}" for port in ports)
        print(f"postgresql://tests:{password}@/postgres?{hosts}", flush=True)
        sys.stdin.readline()
        pid = int((primary / "postmaster.pid").read_text().split()[0])
        os.kill(pid, signal.SIGKILL)
        sys.stdin.readline()
        run("pg_ctl", "promote", "-w", "-D", standby)
        sys.stdin.read()
    finally:
        run("pg_ctl", "stop", "-w", "-D", standby, "-m", "immediate")
"""
WITHOUT_PRIMARY = 2  # seconds


@pytest.mark.parametrize("concurrency", ["async", "sync"])
def test_the_service_follows_a_promoted_standby_without_losing_writes(
    bake: Bake, concurrency: str
) -> None:
    service = bake(database="postgres", concurrency=concurrency)
    service.run("make", "install")
    with service.start(PAIR) as pair, ExitStack() as servers:
        assert pair.stdout
        url = pair.stdout.readline().strip()
        assert url, pair.communicate()[1]
        port = free_ports(1)[0]
        variables = {
            "DATABASE_URL": f"{url}&target_session_attrs=read-write",
            "WORKERS": "2",
            "AUTH": "none",
            "PORT": str(port),
        }
        service.run("uv", "run", "alembic", "upgrade", "head", **variables)
        server = start_server(service, variables, servers)
        with creating_items(port) as items, clients(port) as (history, errors):
            time.sleep(3)
            send_line(pair, "kill")
            killed = time.monotonic()
            time.sleep(WITHOUT_PRIMARY)
            send_line(pair, "promote")
            time.sleep(8)
        recovery_times = [
            started_at - killed for started_at, _ in items if started_at > killed + WITHOUT_PRIMARY
        ]
        assert recovery_times[0] < WITHOUT_PRIMARY + 5
        assert server.poll() is None
        reader = client(port)
        assert {reader.send("GET", f"/v1/items/{item}")[0] for _, item in items} == {200}
        assert items[0][0] < killed
        assert errors == []
        assert [*anomalies(history)] == []
        assert any(
            entry.is_write and entry.started_at > killed + recovery_times[0] for entry in history
        )


def send_line(pair: subprocess.Popen[str], line: str) -> None:
    assert pair.stdin
    pair.stdin.write(f"{line}\n")
    pair.stdin.flush()


def client(port: int) -> Client:
    return Client(port, {}, count(), seeded_random(0), [], [])


@contextmanager
def creating_items(port: int) -> Iterator[list[tuple[float, str]]]:
    """Creates items one by one inside the block; yields their start times and ids."""
    items, stop, sender = list[tuple[float, str]](), Event(), client(port)

    def create() -> None:
        for number in count():
            if stop.wait(0.05):
                return
            started_at = time.monotonic()
            with suppress(OSError, HTTPException):
                status, _, item = sender.send("POST", "/v1/items", {"name": f"mine {number}"})
                if sender.is_expected(status, 201):
                    items.append((started_at, item["id"]))

    thread = Thread(target=create)
    thread.start()
    try:
        yield items
    finally:
        stop.set()
        thread.join()
    assert sender.errors == []
