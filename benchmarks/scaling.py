"""Measures services for docs/scaling.md: `.venv/bin/python benchmarks/scaling.py FOLDER`.

Renders and installs each variant below FOLDER unless it is there, and prints the rows of the table,
the median of three runs. Needs uv, curl and wrk.
"""

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count, product
from pathlib import Path

ROOT = Path(__file__).parent.parent
URL = "http://127.0.0.1:8765"
VARIANTS = ("sqlite-async", "sqlite-sync", "postgres-async", "postgres-sync")
RUN = count()

CREATE = """
function init(arguments) run, number = arguments[1], 0 end
function request()
  number = number + 1
  local body = '{"name": "' .. run .. '-' .. number .. '"}'
  return wrk.format("POST", nil, {["Content-Type"] = "application/json"}, body)
end
"""

# The database of the tests, but with commits that survive a power cut, as in production.
DATABASE = """
import sys
from tests import database
if hasattr(database, "throwaway_server"):
    from tests import postgres
    postgres.FAST = ""
with database.throwaway_database() as url:
    print(url, flush=True)
    sys.stdin.read()
"""


def install(folder: Path, name: str) -> Path:
    service = folder / name
    if not service.exists():
        database, concurrency = name.split("-")
        answers = (f"project_slug={name}", f"database={database}", f"concurrency={concurrency}")
        render = (sys.executable, "-m", "cookiecutter", ROOT, "--no-input", "-o", folder)
        subprocess.run([*render, *answers, "setup=files"], check=True)
    subprocess.run(["uv", "sync", "--quiet"], cwd=service, check=True)
    return service


@contextmanager
def serving(service: Path, workers: int) -> Iterator[None]:
    """On a new database, in production, with its log thrown away."""
    python, null = str(service / ".venv/bin/python"), subprocess.DEVNULL
    script = [python, "-c", DATABASE]
    with subprocess.Popen(script, cwd=service, stdin=-1, stdout=-1, text=True) as database:
        assert database.stdout
        settings = os.environ | {"APP_ENV": "production", "AUTH": "none", "DRAIN_SECONDS": "0"}
        settings |= {"PORT": URL.rpartition(":")[2], "WORKERS": str(workers)}
        settings["DATABASE_URL"] = database.stdout.readline().strip()
        migrate, serve = [python, "-m", "alembic", "upgrade", "head"], [python, "-m", "app"]
        subprocess.run(migrate, cwd=service, env=settings, check=True)
        server = subprocess.Popen(serve, cwd=service, env=settings, stdout=null, stderr=null)
        try:
            wait = ["curl", "--silent", "--fail", "--retry", "30", "--retry-connrefused"]
            subprocess.run([*wait, f"{URL}/readyz"], check=True, stdout=null)
            yield
        finally:
            server.terminate()
            server.wait(30)
            database.communicate()


def wrk(seconds: int, path: str, *script: str) -> tuple[float, float, int]:
    """Requests a second, the milliseconds that 99 % stay below, how many were not answered 2xx."""
    load = ("wrk", "--latency", "--threads=1", "--connections=16", f"--duration={seconds}s")
    arguments = ("--", str(next(RUN))) if script else ()
    told = subprocess.check_output([*load, *script, URL + path, *arguments], text=True)
    found = re.search(r" 99% +([\d.]+)(us|ms|s)\b.*Requests/sec: +([\d.]+)", told, re.DOTALL)
    assert found, told
    failed = re.search(r"Non-2xx or 3xx responses: (\d+)", told)
    slowest = float(found[1]) * {"us": 0.001, "ms": 1, "s": 1000}[found[2]]
    return float(found[3]), slowest, int(failed[1]) if failed else 0


def measure(row: str, folder: Path, seconds: int) -> None:
    lua = folder / "create.lua"
    lua.write_text(CREATE, encoding="utf-8")
    create = ("/v1/items", "--script", str(lua))
    wrk(2, *create)  # rows to read, and all workers warm
    with urllib.request.urlopen(f"{URL}/v1/items?limit=1") as answer:
        item = json.load(answer)["items"][0]["id"]
    for request in ((f"/v1/items/{item}",), ("/v1/items?limit=50",), create):
        runs = [wrk(seconds, *request) for _ in range(3)]
        rates, slowest, failed = zip(*runs, strict=True)
        row += f" {statistics.median(rates):,.0f} ({min(rates):,.0f} to {max(rates):,.0f}) |"
        row += f" {statistics.median(slowest):.0f} |"
        row += f" {sum(failed)} failed |" if any(failed) else ""
    print(row, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seconds", type=int, default=10)
    options = parser.parse_args()
    for name, workers in product(VARIANTS, (1, 2)):
        with serving(install(options.folder.resolve(), name), workers):
            measure(f"| {name} | {workers} |", options.folder, options.seconds)


if __name__ == "__main__":
    main()
