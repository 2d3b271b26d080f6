"""Replicas behind a proxy, on one Postgres, are killed, restarted, added and updated under load."""

import http.client
import json
import shutil
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from tests.conftest import Bake, Service, environment

pytestmark = pytest.mark.fleet

CLEAN = {0, -signal.SIGTERM, 128 + signal.SIGTERM}
CLIENTS = 4  # writers, and as many readers
NO_RESPONSE = 599
PAUSE = 0.04  # in seconds, between two requests of a client

# The proxy retries a request that no replica has received; one that may have been executed is
# retried only if it reads.
PROXY = """
defaults
    mode http
    timeout connect 1s
    timeout client 20s
    timeout http-request 2s
    timeout http-keep-alive 20s
    timeout server 20s
    timeout check 2s
    retries 3
    option redispatch 1
    retry-on conn-failure empty-response

listen service
    bind 127.0.0.1:{port}
    http-request disable-l7-retry unless METH_GET
    http-response set-header X-Replica %s
    option httpchk GET /readyz
    default-server check inter 200ms fall 1 rise 1
"""

# The next release has the field in the table, in requests and in responses.
TABLE, SCHEMAS = "app/db/tables/items.py", "app/schemas/items.py"
RELEASE = (
    (TABLE, "    quantity: Mapped[int]\n", "    colour: Mapped[str | None]\n"),
    (SCHEMAS, "    quantity: Quantity = 0\n", "    colour: Text | None = None\n"),
    (SCHEMAS, "    quantity: Quantity\n", "    colour: Text | None\n"),
)


@pytest.mark.parametrize("concurrency", ["async", "sync"])
def test_clients_with_one_retry_see_no_error_and_no_acknowledged_write_is_lost(
    bake: Bake, tmp_path: Path, concurrency: str
) -> None:
    if not shutil.which("haproxy"):
        pytest.fail(
            "haproxy is not on the PATH: install it, for example with apt-get install haproxy."
        )
    service = bake(database="postgres", concurrency=concurrency)
    service.run("make", "install")
    with service.throwaway("database") as url, Fleet(service, url, tmp_path) as fleet:
        service.run("make", "migrate", DATABASE_URL=url)
        fleet.start(0, 1, 2)
        load = Load(fleet)
        with load.running():
            for number in (0, 1, 2):
                load.wait_for_replica(number)
            with socket.create_connection(("127.0.0.1", fleet.port), timeout=10) as slow:
                slow.sendall(b"GET /livez HTTP/1.1\r\n")  # slow headers
                assert slow.recv(1024).startswith(b"HTTP/1.1 408 ")

            fleet.stop(0)
            fleet.start(0)
            load.wait_for_replica(0)

            load.phase = "kill -9"
            fleet.kill(1)
            fleet.start(1)
            load.wait_for_replica(1)
            load.phase = "release"

            for name, line, new in RELEASE:
                text = service.read(name)
                assert text.count(line) == 1, f"{name} does not contain {line!r} exactly once"
                (service.path / name).write_text(text.replace(line, line + new), encoding="utf-8")
            service.run("make", "migration", "m=add a colour", DATABASE_URL=url)
            fleet.start(3, ready=503)
            time.sleep(1)
            assert not load.served["3"], "it got requests before the migration"
            service.run("make", "migrate", DATABASE_URL=url)
            load.wait_for_replica(3)
            assert [fleet.ready(number) for number in range(4)] == [200] * 4
            for number in (0, 1, 2):
                fleet.stop(number)
                fleet.start(number)
                load.wait_for_replica(number)

        assert load.errors == []
        assert load.first_errors.keys() <= {"kill -9"}, "a client had to retry"
        assert len(load.acknowledged) > 500
        items = list(load.all_items())
        assert load.acknowledged - {item["name"] for item in items} == set()
        assert {"colour" in item for item in items} == {True}


def free_ports(number: int) -> list[int]:
    with ExitStack() as stack:
        listeners = [stack.enter_context(socket.socket()) for _ in range(number)]
        for listener in listeners:
            listener.bind(("127.0.0.1", 0))
        return [listener.getsockname()[1] for listener in listeners]


def within(seconds: float, condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} seconds"
        time.sleep(0.05)


class Fleet:
    """Up to four replicas, and the proxy in front of them."""

    def __init__(self, service: Service, url: str, folder: Path) -> None:
        self.service = service
        self.folder = folder
        self.port, *self.ports = free_ports(5)
        self.replicas: dict[int, subprocess.Popen[bytes]] = {}
        self.variables = environment(
            APP_ENV="production",
            AUTH="none",
            DRAIN_SECONDS="2",
            DATABASE_URL=url,
            PYTHONDONTWRITEBYTECODE="",  # else each start compiles everything, for many seconds
        )
        config = folder / "haproxy.cfg"
        servers = (f"    server {n} 127.0.0.1:{port}\n" for n, port in enumerate(self.ports))
        config.write_text(PROXY.format(port=self.port) + "".join(servers), encoding="utf-8")
        self.proxy = self._run("haproxy", "haproxy", "-db", "-f", str(config))

    def __enter__(self) -> "Fleet":
        return self

    def __exit__(self, *_: object) -> None:
        for process in (self.proxy, *self.replicas.values()):
            process.kill()
            process.wait(10)

    def start(self, *numbers: int, ready: int = 200) -> None:
        python = next(self.service.path.glob(".venv/*/python"))
        for number in numbers:
            self.replicas[number] = self._run(
                f"replica-{number}", str(python), "-m", "app", PORT=str(self.ports[number])
            )
        within(30, lambda: [self.ready(number) for number in numbers] == [ready] * len(numbers))

    def stop(self, number: int) -> None:
        """Stops it like an orchestrator; it becomes unready, and serves for DRAIN_SECONDS."""
        stopped_at = time.monotonic()
        self.replicas[number].terminate()
        within(1, lambda: self.ready(number) == 503)
        assert self.replicas[number].wait(15) in CLEAN
        assert time.monotonic() - stopped_at >= 2

    def kill(self, number: int) -> None:
        self.replicas[number].kill()
        self.replicas[number].wait(10)

    def ready(self, number: int) -> int:
        """Returns the status of its /readyz; 0 without a response."""
        url = f"http://127.0.0.1:{self.ports[number]}/readyz"
        try:
            with urllib.request.urlopen(url, timeout=5) as response:
                return int(response.status)
        except urllib.error.HTTPError as error:
            return error.code
        except OSError:
            return 0

    def _run(self, name: str, *command: str, **variables: str) -> subprocess.Popen[bytes]:
        with (self.folder / f"{name}.log").open("ab") as log:
            return subprocess.Popen(
                command,
                cwd=self.service.path,
                env=self.variables | variables,
                stdout=log,
                stderr=log,
            )


@dataclass
class Load:
    """Clients that write and read through the proxy, with the outcomes of their requests."""

    fleet: Fleet
    phase: str = "restart"
    acknowledged: set[str] = field(default_factory=set)
    newest: str = ""
    served: Counter[str] = field(default_factory=Counter)
    first_errors: dict[str, list[str]] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)
    stopped: Event = field(default_factory=Event)

    @contextmanager
    def running(self) -> Iterator[None]:
        with ThreadPoolExecutor(2 * CLIENTS) as pool:
            clients = [pool.submit(self._write, number) for number in range(CLIENTS)]
            clients += [pool.submit(self._read) for _ in range(CLIENTS)]
            try:
                yield
            finally:
                self.stopped.set()
        for client in clients:
            client.result()

    def wait_for_replica(self, number: int) -> None:
        """Waits until the replica answers through the proxy."""
        before = self.served[str(number)]
        within(10, lambda: self.served[str(number)] > before)

    def all_items(self) -> Iterator[dict[str, Any]]:
        """Every item, page by page."""
        cursor = ""
        with closing(Client(self)) as client:
            while cursor is not None:
                _, page = client.send("GET", f"/v1/items?limit=100{cursor and f'&cursor={cursor}'}")
                yield from page["items"]
                cursor = page["next_cursor"]

    def _write(self, writer: int) -> None:
        with closing(Client(self)) as client:
            for number in count():
                if self.stopped.wait(PAUSE):
                    return
                name = f"{writer}-{number}"
                status, item = client.send("POST", "/v1/items", {"name": name})
                if status in {201, 409}:
                    self.acknowledged.add(name)
                if status == 201:
                    self.newest = f"/v1/items/{item['id']}"

    def _read(self) -> None:
        with closing(Client(self)) as client:
            while not self.stopped.wait(PAUSE):
                client.send("GET", self.newest or "/v1/items")
                client.send("GET", "/v1/items?limit=10&sort=-created_at")


class Client:
    """Keeps its connection, and retries once."""

    def __init__(self, load: Load) -> None:
        self.load = load
        self.connection = http.client.HTTPConnection("127.0.0.1", load.fleet.port, timeout=20)

    def close(self) -> None:
        self.connection.close()

    def send(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        expected = {200, 201}
        status, received = self._try(method, path, body)
        if status >= 500:
            errors = self.load.first_errors.setdefault(self.load.phase, [])
            errors.append(f"{method} {path}: {status} {received}")
            # The first attempt may have succeeded: then this client has taken the name.
            expected.add(409)
            status, received = self._try(method, path, body)
        if status not in expected:
            self.load.errors.append(f"{self.load.phase}: {method} {path}: {status} {received}")
        return status, received

    def _try(self, method: str, path: str, body: object) -> tuple[int, Any]:
        try:
            self.connection.request(
                method,
                path,
                json.dumps(body) if body else None,
                {"Content-Type": "application/json"},
            )
            response = self.connection.getresponse()
            received = response.read()
        except (OSError, http.client.HTTPException) as error:
            self.connection.close()
            return NO_RESPONSE, repr(error)
        self.load.served[response.getheader("X-Replica", "the proxy")] += 1
        is_json = "json" in response.getheader("Content-Type", "")
        return response.status, json.loads(received) if is_json else received
