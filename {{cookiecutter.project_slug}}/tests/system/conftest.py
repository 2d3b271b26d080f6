"""Runs the real server in its own processes: `server = serve(WORKERS=2)`, then `server.http`."""

import os
import re
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from threading import Barrier
from typing import TypeVar

import httpx2
import pytest
from sqlalchemy import make_url

from app.settings import Settings
from tests.conftest import Start
from tests.database import DRIVER
from tests.ports import free_port

T = TypeVar("T")

# Must not appear in any response or log line; neither must the password or path of the database.
SECRETS = re.compile(rf"Traceback|SELECT|INSERT|UPDATE|DELETE FROM|sqlalchemy|{DRIVER}|\.py\b")


class Server:
    """A service in production mode, which accepts connections once this is created."""

    def __init__(self, start: Start, log: Path, variables: dict[str, str]) -> None:
        self.log = log
        port = int(variables["PORT"])
        self.address = ("127.0.0.1", port)
        database = make_url(variables["DATABASE_URL"])
        self.secrets = [SECRETS, re.compile(re.escape(str(database.password or database.database)))]
        with log.open("a") as output:
            self.process = start("-m", "tests.system", variables=variables, output=output)
        self.http = httpx2.Client(
            base_url=f"http://127.0.0.1:{port}",
            timeout=30,
            limits=httpx2.Limits(max_connections=None, max_keepalive_connections=None),
            event_hooks={"response": [self._check_secrets]},
        )
        within(30, self._listens)

    def _listens(self) -> bool:
        assert self.process.poll() is None, f"The server ended:\n{self.log.read_text()}"
        return self.http.get("/livez").status_code == 200

    def kill(self) -> None:
        """Kills all processes of the service immediately."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(10)

    def stop(self) -> None:
        self.http.close()
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait(20)
        log = self.log.read_text()
        assert not any(secret.search(log) for secret in self.secrets), log

    def _check_secrets(self, response: httpx2.Response) -> None:
        text = f"{response.headers}{response.read().decode()}"
        assert not any(secret.search(text) for secret in self.secrets), text


Serve = Callable[..., Server]


@pytest.fixture
def serve(settings: Settings, tmp_path: Path, start: Start) -> Iterator[Serve]:
    """Starts servers on the tests' database; docs/settings.md lists their variables."""
    with ExitStack() as running:

        def serve(**variables: object) -> Server:
            defaults = {
                "DATABASE_URL": settings.database_url.get_secret_value(),
                "APP_ENV": "production",
                "AUTH": "none",
                "DRAIN_SECONDS": 0,
                "PORT": free_port(),
            }
            values = {name: str(value) for name, value in (defaults | variables).items()}
            server = Server(start, tmp_path / f"server-{values['PORT']}.log", values)
            running.callback(server.stop)
            return server

        yield serve


def within(seconds: float, condition: Callable[[], bool]) -> None:
    """Waits until `condition` returns true, and retries when the server does not respond."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            if condition():
                return
        except httpx2.TransportError:
            pass
        assert time.monotonic() < deadline, f"not within {seconds} seconds"
        time.sleep(0.05)


def burst(count: int, call: Callable[[int], T]) -> list[T]:
    """Returns `call(number)` for each number below `count`, all called at once."""
    start = Barrier(count)

    def at_once(number: int) -> T:
        start.wait()
        return call(number)

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(at_once, range(count)))
