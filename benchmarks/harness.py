"""Shared by the benchmarks: rendered services, temporary databases and wrk."""

import math
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

ROOT = Path(__file__).parent.parent
VARIANTS = ("sqlite-async", "sqlite-sync", "postgres-async", "postgres-sync")
SCRIPTS = Path(__file__).parent / "wrk"
RUN_NUMBERS = count()

# The tests' database, but with commits that survive a power failure, as in production.
DATABASES = """
import os
import sys
from contextlib import ExitStack
from tests import database
with ExitStack() as stack:
    if hasattr(database, "throwaway_server"):
        from tests import postgres
        postgres.FAST = ""
        os.environ["TEST_DATABASE_URL"] = stack.enter_context(database.throwaway_server())
    for _ in range(int(sys.argv[1])):
        print(stack.enter_context(database.throwaway_database()), flush=True)
    sys.stdin.read()
"""


@dataclass(frozen=True)
class Service:
    """A rendered service with its dependencies."""

    path: Path
    database: str
    concurrency: str

    @property
    def variant(self) -> str:
        return f"{self.database}-{self.concurrency}"

    @property
    def python(self) -> str:
        """Runs Python with development dependencies, such as the tests' databases."""
        return str(self.path / ".venv/bin/python")

    @property
    def production(self) -> str:
        """Returns the Python with only the image's dependencies, for servers."""
        return str(self.environment / "bin/python")

    @property
    def environment(self) -> Path:
        return self.path.with_name(f"{self.path.name}-production")


@dataclass(frozen=True)
class Load:
    """The result of one run of wrk: a rate of responses, and latencies in milliseconds."""

    rate: float
    p50: float
    p99: float
    failed: int


def clean_up_when_terminated() -> None:
    """Handles SIGTERM like Ctrl+C, so that servers end with this program."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("Terminated."))


def require_programs(*programs: str) -> None:
    """Exits with a message if one of the programs is not installed."""
    missing = [name for name in programs if shutil.which(name) is None]
    if missing:
        sys.exit(
            f"This needs {' and '.join(missing)}, which cannot be found on the PATH. "
            "wrk is a package of Debian, Ubuntu, Fedora and Homebrew; uv: https://docs.astral.sh/uv/"
        )


def install(folder: Path, variant: str) -> Service:
    """Renders the service below `folder` unless it exists, and installs its locked dependencies."""
    path = folder / variant
    database, _, concurrency = variant.partition("-")
    if not path.exists():
        answers = (f"project_slug={variant}", f"database={database}", f"concurrency={concurrency}")
        render = (sys.executable, "-m", "cookiecutter", ROOT, "--no-input", "-o", folder)
        subprocess.run([*render, *answers, "setup=files"], check=True, stdout=sys.stderr)
    subprocess.run(["uv", "sync", "--quiet"], cwd=path, check=True)
    return with_production(Service(path, database, concurrency))


def with_production(service: Service) -> Service:
    command = ["uv", "sync", "--quiet", "--no-dev", "--frozen", "--compile-bytecode"]
    environment = os.environ | {"UV_PROJECT_ENVIRONMENT": str(service.environment)}
    subprocess.run(command, cwd=service.path, env=environment, check=True)
    return service


def find(path: Path) -> Service:
    """Returns the already installed service in `path`."""
    service = path.resolve()
    if not (service / ".venv").exists():
        sys.exit(f"{service} is not an installed service: run `make install` there.")
    project = (service / "pyproject.toml").read_text(encoding="utf-8")
    database = "postgres" if '"psycopg' in project else "sqlite"
    concurrency = "async" if '"sqlalchemy[asyncio]' in project else "sync"
    return with_production(Service(service, database, concurrency))


@contextmanager
def databases(service: Service, number: int = 1) -> Iterator[list[str]]:
    """Yields the URLs of new databases, on one server if they need one."""
    script = [service.python, "-c", DATABASES, str(number)]
    with subprocess.Popen(script, cwd=service.path, stdin=-1, stdout=-1, text=True) as process:
        assert process.stdout
        urls = [process.stdout.readline().strip() for _ in range(number)]
        try:
            yield urls
        finally:
            process.communicate()


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def migrate(service: Service, variables: Mapping[str, str]) -> None:
    command = [service.python, "-m", "alembic", "upgrade", "head"]
    null = subprocess.DEVNULL
    subprocess.run(command, cwd=service.path, env=variables, check=True, stderr=null)


@contextmanager
def running(
    command: list[str], folder: Path, variables: Mapping[str, str], url: str
) -> Iterator[subprocess.Popen[bytes]]:
    """Runs the server, from its first response on, without its log."""
    null = subprocess.DEVNULL
    server = subprocess.Popen(command, cwd=folder, env=variables, stdout=null, stderr=null)
    try:
        wait_for_response(f"{url}/livez", server)
        yield server
    finally:
        server.terminate()
        server.wait(60)


def wait_for_response(url: str, server: subprocess.Popen[bytes], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while True:
        try:
            with urllib.request.urlopen(url, timeout=seconds) as response:
                response.read()
                return
        except OSError:
            if server.poll() is not None or time.monotonic() > deadline:
                raise
            time.sleep(0.005)


def wrk(
    url: str, script: str = "", *, ids: Path | None = None, seconds: int, connections: int
) -> Load:
    """Sends load to `url`, with a script in wrk/ if given."""
    load = ["wrk", "--latency", "--threads=1", "--timeout=60s"]
    load += [f"--connections={connections}", f"--duration={seconds}s"]
    if script:
        load += ["--script", str(SCRIPTS / f"{script}.lua")]
    output = subprocess.check_output(
        [*load, url, "--", str(next(RUN_NUMBERS)), str(ids)], text=True
    )
    return parse(output)


def parse(output: str) -> Load:
    """Parses wrk's output; a response with a status other than 2xx or 3xx has failed."""
    rate = re.search(r"^Requests/sec: +([\d.]+)", output, re.MULTILINE)
    sent = re.search(r"^ +(\d+) requests in ", output, re.MULTILINE)
    assert rate, output
    assert sent, output
    if not int(sent[1]):
        return Load(rate=0, p50=math.inf, p99=math.inf, failed=0)
    latency = {
        percent: float(number) * {"us": 0.001, "ms": 1, "s": 1000, "m": 60_000}[unit]
        for percent, number, unit in re.findall(
            r"^ +(50|99)% +([\d.]+)(us|ms|s|m) *$", output, re.MULTILINE
        )
    }
    non_2xx = re.search(r"Non-2xx or 3xx responses: (\d+)", output)
    socket_errors = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+)", output)
    errors = int(non_2xx[1]) if non_2xx else 0
    success_ratio = (int(sent[1]) - errors) / max(int(sent[1]), 1)
    return Load(
        rate=float(rate[1]) * success_ratio,
        p50=latency["50"],
        p99=latency["99"],
        failed=errors + (sum(map(int, socket_errors.groups())) if socket_errors else 0),
    )
