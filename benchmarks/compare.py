"""Compares services with a naive app and the limit of their stack, for docs/benchmarks.md.

Renders and installs the variants below FOLDER, if given, unless they exist. In each round each app
runs each operation, so that other load on the machine affects all of them alike; the result is the
ratios within a round. Each run begins with a warm-up that does not count. Needs uv and wrk.
"""

import argparse
import os
import statistics
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from harness import (
    VARIANTS,
    Load,
    Service,
    clean_up_when_terminated,
    databases,
    find,
    free_port,
    install,
    require_programs,
    running,
    wrk,
)
from report import write
from results import Case, Comparison, Memory

BENCHMARKS = Path(__file__).parent
APPS = ("service", "naive", "limit")
OPERATIONS = {
    "get": ("/v1/items", "get"),
    "list": ("/v1/items?limit=50", ""),
    "create": ("/v1/items", "create"),
    "patch": ("/v1/items", "patch"),
}
# Of the naive app. The service and the limit use psycopg on Postgres async too.
DRIVERS = {
    "sqlite-async": "sqlite+aiosqlite",
    "sqlite-sync": "sqlite",
    "postgres-async": "postgresql+asyncpg",
    "postgres-sync": "postgresql+psycopg",
}
# The service runs without it. By default uvicorn uses uvloop if it is installed.
EXTRA_PACKAGES = ("asyncpg", "orjson", "psycopg-pool", "uvloop")
# The service's options for uvicorn; all apps use the defaults for the rest.
UVICORN = ("--no-access-log", "--no-server-header", "--timeout-graceful-shutdown=10")

# Runs in the service's environment, with the naive app's driver beside it.
VERSIONS = """
import platform, sqlite3, sys
from importlib.metadata import version
print("Python", platform.python_version())
for name in ("FastAPI", "Starlette", "Pydantic", "SQLAlchemy", "uvicorn"):
    print(name, version(name))
if sys.argv[1].startswith("postgres"):
    import psycopg
    print("psycopg", psycopg.__version__)
    if sys.argv[2] == "async":
        print("asyncpg", version("asyncpg"))
    with psycopg.connect(sys.argv[1]) as server:
        print("PostgreSQL", *server.execute("SHOW server_version").fetchone()[0].split()[:1])
else:
    print("SQLite", sqlite3.sqlite_version)
"""


def packages(service: Service, folder: Path) -> Path:
    """Installs the other apps' dependencies beside the service's, which do not change."""
    target = folder / f"packages-{service.variant}"
    command = ["uv", "pip", "install", "--quiet", "--no-deps", "--compile-bytecode"]
    command += [
        "--system-certs",
        "--python",
        service.python,
        "--target",
        str(target),
        *EXTRA_PACKAGES,
    ]
    subprocess.run(command, check=True)
    return target


@dataclass(frozen=True)
class App:
    """One of the three apps, with its database and its command."""

    name: str
    port: int
    command: list[str]
    folder: Path
    variables: dict[str, str]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @contextmanager
    def serving(self) -> Iterator[subprocess.Popen[bytes]]:
        with running(self.command, self.folder, self.variables, self.url) as server:
            yield server


def make_app(name: str, service: Service, database: str, path: Path) -> App:
    port = free_port()
    variables = {"DATABASE_URL": database, "PORT": str(port)}
    if name == "service":
        variables |= {"APP_ENV": "production", "AUTH": "none", "DRAIN_SECONDS": "0"}
        command = [service.production, "-m", "app"]
        return App(name, port, command, service.path, os.environ | variables)
    variables["PYTHONPATH"] = os.pathsep.join([str(BENCHMARKS), str(path)])
    if name == "naive":
        module = f"naive.app_{service.concurrency}"
        variables["DATABASE_URL"] = DRIVERS[service.variant] + database[database.index("://") :]
    else:
        module = f"limit.{service.database}_{service.concurrency}"
    command = [service.production, "-m", "uvicorn", f"{module}:app", f"--port={port}", *UVICORN]
    # Not in the service's folder, which has app/ and .env.
    return App(name, port, command, BENCHMARKS, os.environ | variables)


def seed(app: str, service: Service, database: str, rows: int, path: Path) -> str:
    """Returns the ids of the rows, one per line: the same for each app."""
    variables = os.environ | {"DATABASE_URL": database, "PYTHONPATH": str(path)}
    variables |= {"APP_ENV": "production", "AUTH": "none"}
    command = [service.python, str(BENCHMARKS / "seed.py"), app, str(rows)]
    return subprocess.check_output(
        command, cwd=service.path, env=variables, text=True, stderr=subprocess.DEVNULL
    )


def memory(server: subprocess.Popen[bytes]) -> Memory:
    rollup = Path(f"/proc/{server.pid}/smaps_rollup").read_text(encoding="utf-8")
    kilobytes = {
        name: float(value.split()[0])
        for name, _, value in (line.partition(":") for line in rollup.splitlines()[1:])
    }
    private = kilobytes["Private_Clean"] + kilobytes["Private_Dirty"]
    return Memory(kilobytes["Rss"] / 1024, private / 1024)


def request(url: str, body: bytes | None = None) -> None:
    sent = urllib.request.Request(url, body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(sent, timeout=60) as response:
        response.read()


def start(app: App, ids: list[str], result: Comparison) -> None:
    """Measures an app's startup time, and its memory after a few responses."""
    start_time = time.perf_counter()
    with app.serving() as server:
        result.starts[app.name].append(time.perf_counter() - start_time)
        for path in (f"/v1/items/{ids[0]}", "/v1/items?limit=50"):
            request(app.url + path)
        name = f"start-{time.monotonic_ns()}"
        request(f"{app.url}/v1/items", f'{{"name": "{name}"}}'.encode())
        time.sleep(0.5)
        result.memory[app.name].append(memory(server))


def compare(
    service: Service, folder: Path, cases: list[Case], options: argparse.Namespace
) -> Comparison:
    result = Comparison(service)
    path = packages(service, folder)
    with ExitStack() as stack:
        urls = stack.enter_context(databases(service, len(options.apps)))
        apps = [
            make_app(name, service, url, path) for name, url in zip(options.apps, urls, strict=True)
        ]
        for app, url in zip(apps, urls, strict=True):
            id_lines = seed(app.name, service, url, options.rows, path)
        ids = Path(stack.enter_context(tempfile.TemporaryDirectory())) / "ids"
        ids.write_text(id_lines, encoding="utf-8")
        result.versions = versions(service, urls[0], path)
        for number in range(options.starts):
            for app in rotated(apps, number):
                start(app, id_lines.split(), result)
        for app in apps:
            stack.enter_context(app.serving())
        for number in range(options.rounds):
            for case in cases:
                for app in rotated(apps, number):
                    loads = result.loads[case][app.name]
                    # A stalled app would stall again, for half a minute each time.
                    is_stalled = bool(loads) and not loads[-1].rate
                    loads.append(
                        loads[-1] if is_stalled else measure_case(app, case, ids, options.seconds)
                    )
    return result


def rotated(apps: list[App], number: int) -> list[App]:
    """Rotates the order, so that no app is always first or after the same one."""
    first = number % len(apps)
    return [*apps[first:], *apps[:first]]


def measure_case(app: App, case: Case, ids: Path, seconds: int) -> Load:
    """Measures after a warm-up, in which idle threads end and overflow connections close."""
    warm_up = load(app, case, ids, 1)
    return load(app, case, ids, seconds) if warm_up.rate else warm_up


def load(app: App, case: Case, ids: Path, seconds: int) -> Load:
    operation, connections = case
    path, script = OPERATIONS[operation]
    try:
        return wrk(app.url + path, script, ids=ids, seconds=seconds, connections=connections)
    finally:
        wait_until_idle(f"{app.url}/v1/items?limit=1")


def wait_until_idle(url: str) -> None:
    """Waits for the requests of the previous run: one that stalls ends after 30 seconds."""
    for _ in range(10):
        with suppress(OSError):
            request(url)
            return
    raise TimeoutError(f"{url} does not answer any more.")


def versions(service: Service, database: str, path: Path) -> dict[str, str]:
    command = [service.python, "-c", VERSIONS, database, service.concurrency]
    variables = os.environ | {"PYTHONPATH": str(path)}
    output = subprocess.check_output(command, env=variables, text=True)
    return dict(line.split() for line in output.splitlines())


def show(result: Comparison) -> None:
    """Prints a table of measurements and ratios."""
    print(f"\n{result.service.variant}: requests/s and p99 in ms; the service's ratios\n")
    headers = ["", *(f"{app}{suffix}" for app in APPS for suffix in ("", " p99"))]
    headers += ["rate ÷ naive", "rate ÷ limit", "p99 ÷ naive", "failed"]
    print(f"| {' | '.join(headers)} |\n|{'---|' * len(headers)}")
    for case, loads in result.loads.items():
        cells = ["{}, {}".format(*case)]
        for app in APPS:
            cells += (f"{result.median(case, app, measure):,.0f}" for measure in ("rate", "p99"))
        for other, measure in (("naive", "rate"), ("limit", "rate"), ("naive", "p99")):
            cells.append(str(result.ratio(case, other, measure) or ""))
        failed = {app: sum(load.failed for load in loads[app]) for app in loads}
        cells.append(", ".join(f"{app} {number}" for app, number in failed.items() if number))
        print(f"| {' | '.join(cells)} |")
    for app, starts in result.starts.items():
        resident, private = (
            statistics.median(getattr(one, name) for one in result.memory[app])
            for name in ("resident", "private")
        )
        start = statistics.median(starts)
        print(f"{app}: up in {start:.2f} s, {resident:.0f} MB, {private:.0f} of it private")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, help="where services are kept for the next time")
    parser.add_argument("--service", type=Path, help="a service that is rendered and installed")
    parser.add_argument("--variants", nargs="+", choices=VARIANTS, default=VARIANTS)
    parser.add_argument("--operations", nargs="+", choices=OPERATIONS, default=[*OPERATIONS])
    parser.add_argument("--connections", nargs="+", type=int, default=[16, 128])
    parser.add_argument("--apps", nargs="+", choices=APPS, default=APPS)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=2, help="of each run")
    parser.add_argument("--starts", type=int, default=3, help="of each app; 0 for no memory")
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--write", action="store_true", help="write docs/benchmarks.md and .svg")
    options = parser.parse_args()
    require_programs("uv", "wrk")
    clean_up_when_terminated()
    cases = [*product(options.operations, options.connections)]
    results = []
    with tempfile.TemporaryDirectory() as temporary:
        folder = (options.folder or Path(temporary)).resolve()
        if options.service:
            services = [find(options.service)]
        else:
            services = [install(folder, variant) for variant in options.variants]
        for service in services:
            results.append(compare(service, folder, cases, options))
            show(results[-1])
    if options.write:
        numbers = {name: vars(options)[name] for name in ("rounds", "seconds", "starts", "rows")}
        write(results, numbers, BENCHMARKS.parent / "docs")


if __name__ == "__main__":
    main()
