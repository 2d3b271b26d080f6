"""Measures services for docs/scaling.md: `.venv/bin/python benchmarks/scaling.py FOLDER`.

Renders and installs each variant below FOLDER unless it exists, and prints the rows of the table,
the median of three runs. Needs uv and wrk.
"""

import argparse
import json
import os
import statistics
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import product
from pathlib import Path

from harness import (
    VARIANTS,
    Service,
    databases,
    free_port,
    install,
    migrate,
    require_programs,
    running,
    wrk,
)

PORT = free_port()
URL = f"http://127.0.0.1:{PORT}"


@contextmanager
def serving(service: Service, workers: int) -> Iterator[None]:
    """Runs the service on a new database, in production mode, without its log."""
    with databases(service) as (url,):
        settings = {"APP_ENV": "production", "AUTH": "none", "DRAIN_SECONDS": "0"}
        settings |= {"PORT": str(PORT), "WORKERS": str(workers), "DATABASE_URL": url}
        variables = os.environ | settings
        migrate(service, variables)
        with running([service.production, "-m", "app"], service.path, variables, URL):
            yield


def measure(row: str, seconds: int) -> None:
    wrk(
        f"{URL}/v1/items", "create", seconds=2, connections=16
    )  # creates rows and warms up all workers
    with urllib.request.urlopen(f"{URL}/v1/items?limit=1") as response:
        item = json.load(response)["items"][0]["id"]
    for path, script in ((f"/{item}", ""), ("?limit=50", ""), ("", "create")):
        url = f"{URL}/v1/items{path}"
        runs = [wrk(url, script, seconds=seconds, connections=16) for _ in range(3)]
        rates, slowest = [run.rate for run in runs], [run.p99 for run in runs]
        row += f" {statistics.median(rates):,.0f} ({min(rates):,.0f} to {max(rates):,.0f}) |"
        row += f" {statistics.median(slowest):.0f} |"
        failed = sum(run.failed for run in runs)
        row += f" {failed} failed |" if failed else ""
    print(row, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seconds", type=int, default=10)
    options = parser.parse_args()
    require_programs("uv", "wrk")
    for name, workers in product(VARIANTS, (1, 2)):
        with serving(install(options.folder.resolve(), name), workers):
            measure(f"| {name} | {workers} |", options.seconds)


if __name__ == "__main__":
    main()
