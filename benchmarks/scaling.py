"""Measures services for docs/scaling.md: `.venv/bin/python benchmarks/scaling.py FOLDER`.

Renders and installs each variant below FOLDER unless it is there, and prints the rows of the table.
Needs uv and wrk on the PATH.
"""

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count, product
from pathlib import Path

ROOT = Path(__file__).parent.parent
URL = "http://127.0.0.1:8765"
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


def install(folder: Path, database: str, concurrency: str) -> Path:
    service = folder / f"{database}-{concurrency}"
    if not service.exists():
        answers = (f"database={database}", f"concurrency={concurrency}", "setup=files")
        render = (sys.executable, "-m", "cookiecutter", ROOT, "--no-input", "-o", folder)
        subprocess.run([*render, *answers, f"project_slug={service.name}"], check=True)
    subprocess.run(["uv", "sync", "--quiet"], cwd=service, check=True)
    return service


@contextmanager
def serving(service: Path, workers: int) -> Iterator[None]:
    """On a new database, in production, with its log thrown away."""
    python, null = service / ".venv/bin/python", subprocess.DEVNULL
    script = [python, "-c", DATABASE]
    with subprocess.Popen(script, cwd=service, stdin=-1, stdout=-1, text=True) as database:
        assert database.stdout
        settings = os.environ | {"APP_ENV": "production", "AUTH": "none", "DRAIN_SECONDS": "0"}
        settings |= {"PORT": URL.rpartition(":")[2], "WORKERS": str(workers)}
        settings["DATABASE_URL"] = database.stdout.readline().strip()
        migrate = [python, "-m", "alembic", "upgrade", "head"]
        subprocess.run(migrate, cwd=service, env=settings, check=True)
        serve = [python, "-m", "app"]
        server = subprocess.Popen(serve, cwd=service, env=settings, stdout=null, stderr=null)
        try:
            wait_until_ready()
            yield
        finally:
            server.terminate()
            server.wait(30)
            database.communicate()


def wait_until_ready() -> None:
    for _ in range(300):
        try:
            urllib.request.urlopen(f"{URL}/readyz").close()
        except OSError:
            time.sleep(0.2)
        else:
            return
    sys.exit("The service does not get ready.")


def wrk(path: str, seconds: int, *script: str) -> tuple[float, float, int]:
    """Requests a second, the milliseconds that 99 % stay below, how many were not answered 2xx."""
    load = ("wrk", "--latency", "--threads=1", "--connections=16", f"--duration={seconds}s")
    arguments = ("--", str(next(RUN))) if script else ()
    told = subprocess.check_output([*load, *script, URL + path, *arguments], text=True)
    found = re.search(r" 99% +([\d.]+)(us|ms|s)\b.*Requests/sec: +([\d.]+)", told, re.DOTALL)
    assert found, told
    failed = re.search(r"Non-2xx or 3xx responses: (\d+)", told)
    slowest = float(found[1]) * {"us": 0.001, "ms": 1, "s": 1000}[found[2]]
    return float(found[3]), slowest, int(failed[1]) if failed else 0


def measure(row: str, lua: Path, options: argparse.Namespace) -> None:
    wrk("/v1/items", 2, "--script", str(lua))  # rows to read, and all workers warm
    with urllib.request.urlopen(f"{URL}/v1/items?limit=1") as answer:
        item = json.load(answer)["items"][0]["id"]
    for path, *script in (
        [f"/v1/items/{item}"],
        ["/v1/items?limit=50"],
        ["/v1/items", "--script", str(lua)],
    ):
        runs = [wrk(path, options.seconds, *script) for _ in range(options.times)]
        rates, slowest, failed = zip(*runs, strict=True)
        row += f" {statistics.median(rates):,.0f} ({min(rates):,.0f} to {max(rates):,.0f}) |"
        row += f" {statistics.median(slowest):.0f} |"
        row += f" {sum(failed)} failed |" if any(failed) else ""
    print(row, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seconds", type=int, default=10)
    parser.add_argument("--times", type=int, default=3)
    options = parser.parse_args()
    options.folder.mkdir(exist_ok=True)
    lua = options.folder / "create.lua"
    lua.write_text(CREATE, encoding="utf-8")
    for database, concurrency in product(("sqlite", "postgres"), ("async", "sync")):
        service = install(options.folder.resolve(), database, concurrency)
        for workers in (1, 2):
            with serving(service, workers):
                measure(f"| {database} {concurrency} | {workers} |", lua, options)


if __name__ == "__main__":
    main()
