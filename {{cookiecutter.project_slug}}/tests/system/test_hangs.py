{% if cookiecutter.database == "sqlite" %}
"""Hanging dependencies and full disks: requests end in time, and the service recovers."""
{% else %}
"""Hanging dependencies: requests end in time, and the service recovers."""
{% endif %}

import os
import signal
{% if cookiecutter.database == "sqlite" %}
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
{% else %}
import time
from collections.abc import Callable
{% endif %}
from pathlib import Path

import httpx2
import pytest
{% if cookiecutter.database == "sqlite" %}
from sqlalchemy import Engine
{% else %}
from sqlalchemy import make_url
{% endif %}

from app.settings import Settings
from tests.conftest import Start
from tests.database import hanging_writes
from tests.issuer import Issuer, bearing
from tests.ports import free_port
{% if cookiecutter.database == "postgres" %}
from tests.relay import Relay, relay
{% endif %}
from tests.system.conftest import Serve, Server, burst, within
from tests.system.test_concurrency import URL, create, statuses, walk

TIMEOUT = 1
CLIENTS = 22

Call = Callable[[int], httpx2.Response]


class Clients:
    """As many clients as are served at once; `overhead` measures how slow this machine is."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.overhead = 0.0
        _, self.overhead = self._burst(lambda _: server.http.get("/nowhere"))

    def _burst(self, call: Call) -> tuple[list[httpx2.Response], float]:
        """Returns the responses and the duration of the slowest, in seconds."""

        def measured(number: int) -> tuple[httpx2.Response, float]:
            started = time.monotonic()
            return call(number), time.monotonic() - started

        responses, seconds = zip(*burst(CLIENTS, measured), strict=True)
        return [*responses], max(seconds)

    def mixed_request(self, number: int) -> httpx2.Response:
        if number == 0:
            return self.server.http.get("/readyz")
        return create(self.server, "lost") if number == 1 else self.server.http.get(URL)

    def assert_time_out(self, call: Call) -> None:
        """Asserts that each gets a 503; requests may queue before they wait for what hangs."""
        for _ in range(2):
            responses, slowest = self._burst(call)
            assert statuses(responses) == {503: len(responses)}
            assert all(response.headers["Retry-After"] == "1" for response in responses)
            assert slowest < TIMEOUT + 1.5 + self.overhead
            started = time.monotonic()
            assert self.server.http.get("/livez").status_code == 200
            assert time.monotonic() - started < 0.5 + self.overhead

    def assert_recover(self, call: Call) -> None:
        def are_served() -> bool:
            responses, _ = self._burst(call)
            ready = self.server.http.get("/readyz")
            return {response.status_code for response in (*responses, ready)} == {200}

        within(1 + 3 * self.overhead, are_served)


def test_hanging_writes_time_out_and_can_be_retried(serve: Serve, settings: Settings) -> None:
    # Longer than REQUEST_TIMEOUT, which must end the requests.
    limits = dict.fromkeys(("DATABASE_TIMEOUT", "DATABASE_LOCK_TIMEOUT"), 30)
    server = serve(REQUEST_TIMEOUT=TIMEOUT, **limits)
    clients = Clients(server)
    names = [f"lost {number:02}" for number in range(CLIENTS)]
    with hanging_writes(settings.database_url.get_secret_value()):
        response = create(server, "lost")
        assert response.json()["detail"].endswith("Changes may have been stored.")
        clients.assert_time_out(lambda number: create(server, names[number]))
        assert server.http.get("/readyz").status_code == 200
    clients.assert_recover(lambda _: server.http.get(URL))
    # Each write was stored despite its 503 or is stored by this retry, and none is stored twice.
    assert {create(server, name).status_code for name in ("lost", *names)} <= {201, 409}
    assert walk(server, "name") == ["lost", *names]


def test_requests_time_out_while_the_issuer_hangs(
    serve: Serve, start: Start, tmp_path: Path
) -> None:
    issuer = Issuer(free_port())
    folder = tmp_path / ".well-known"
    folder.mkdir()
    (folder / "jwks.json").write_bytes(issuer.document())
    command = ("-m", "http.server", issuer.url.rpartition(":")[2], "--bind", "127.0.0.1")
    process = start(*command, "--directory", str(tmp_path), variables={})
    address = f"{issuer.url}/.well-known/jwks.json"
    within(10, lambda: httpx2.get(address).status_code == 200)
    server = serve(AUTH="", AUTH_JWKS_URL=address, AUTH_AUDIENCE="items", REQUEST_TIMEOUT=TIMEOUT)

    def read(_: int) -> httpx2.Response:
        return server.http.get(URL, headers=bearing(issuer.token()))

    os.kill(process.pid, signal.SIGSTOP)
    clients = Clients(server)
    clients.assert_time_out(read)
    assert server.http.get("/readyz").status_code == 200  # it requires no token
    os.kill(process.pid, signal.SIGCONT)
    clients.assert_recover(read)

    os.kill(process.pid, signal.SIGSTOP)
    assert statuses(burst(CLIENTS, read)) == {200: CLIENTS}  # the keys are cached
    os.kill(process.pid, signal.SIGCONT)
{% if cookiecutter.database == "sqlite" %}


# Opening a file blocks while another process holds a lease on it:
# https://man7.org/linux/man-pages/man2/F_SETLEASE.2const.html
LEASE = """
import fcntl, os, signal, sys
signal.signal(signal.SIGIO, signal.SIG_IGN)
fcntl.fcntl(os.open(sys.argv[1], os.O_RDWR), fcntl.F_SETLEASE, fcntl.F_WRLCK)
print("leased", flush=True)
signal.pause()
"""
only_linux = pytest.mark.skipif(sys.platform != "linux", reason="needs leases and prlimit")


@only_linux
def test_requests_time_out_while_the_disk_hangs(
    serve: Serve, database: Engine, start: Start
) -> None:
    database.dispose()
    server = serve(REQUEST_TIMEOUT=TIMEOUT)
    clients = Clients(server)
    holder = start("-c", LEASE, str(database.url.database), variables={})
    assert holder.stdout
    assert holder.stdout.readline() == "leased\n"
    clients.assert_time_out(clients.mixed_request)
    holder.kill()
    clients.assert_recover(lambda _: server.http.get(URL))
    assert create(server, "after").status_code == 201


@only_linux
def test_a_full_disk_loses_no_acknowledged_write(serve: Serve, database: Engine) -> None:
    server = serve()
    assert create(server, "widget").status_code == 201
    clients = Clients(server)
    acknowledged: list[str] = []
    with limited_files(server, database):
        while (response := create(server, f"widget {len(acknowledged)}")).status_code == 201:
            acknowledged.append(response.json()["name"])
        assert response.status_code == 503
        assert acknowledged
        assert [server.http.get(path).status_code for path in (URL, "/livez")] == [200, 200]

    within(1 + clients.overhead, lambda: create(server, "after").status_code == 201)
    assert walk(server, "name") == sorted([*acknowledged, "after", "widget"])


@contextmanager
def limited_files(server: Server, database: Engine) -> Iterator[None]:
    """Limits the size of the database files to a few more rows in the block."""
    import resource  # noqa: PLC0415 - Windows has no such module

    # The WAL of earlier tests could take thousands of rows.
    with database.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").scalar_one() == 0
    path = Path(database.url.database or "")
    largest = max(file.stat().st_size for file in path.parent.glob(f"{path.name}*"))
    limits = resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE)
    room = largest + 100_000
    resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (room, limits[1]))
    yield
    resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, limits)
{% else %}


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("fault", [Relay.hold, Relay.cut])
def test_requests_time_out_while_the_database_hangs(
    serve: Serve, settings: Settings, workers: int, fault: Callable[[Relay], None]
) -> None:
    url = make_url(settings.database_url.get_secret_value())
    with relay(str(url.host), url.port or 5432) as between:
        through = url.set(host="127.0.0.1", port=between.server_address[1])
        server = serve(
            DATABASE_URL=through.render_as_string(hide_password=False),
            REQUEST_TIMEOUT=TIMEOUT,
            WORKERS=workers,
        )
        clients = Clients(server)
        assert create(server, "before").status_code == 201
        fault(between)
        clients.assert_time_out(clients.mixed_request)
        between.resume()
        clients.assert_recover(lambda _: server.http.get(URL))
        assert create(server, "after").status_code == 201
{% endif %}
