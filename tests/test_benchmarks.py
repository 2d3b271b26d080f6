"""The benchmark's applications and its report; nothing here is timed."""

import json
import re
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from tests.conftest import ROOT, VARIANTS, Bake, Service, execute, variant_id

BENCHMARKS = ROOT / "benchmarks"
ROWS = 120

# Runs in benchmarks/: sends each app the same requests, and prints the responses.
REQUESTS = """
import json, sqlite3, subprocess, sys, urllib.request
from contextlib import ExitStack
from pathlib import Path
import compare
from harness import databases, find

def send(url, path, method="GET", body=None):
    data, headers = body and json.dumps(body).encode(), {"Content-Type": "application/json"}
    request = urllib.request.Request(url + path, data, headers, method=method)
    with urllib.request.urlopen(request) as response:
        return response.status, json.load(response)

service, folder = find(Path(sys.argv[1])), Path(sys.argv[2])
path = compare.packages(service, folder)
responses = {}
with ExitStack() as stack:
    urls = stack.enter_context(databases(service, 3))
    for name, url in zip(compare.APPS, urls):
        ids = compare.seed(name, service, url, int(sys.argv[3]), path).split()
        app = compare.make_app(name, service, url, path)
        with app.serving():
            responses[name] = [
                send(app.url, f"/v1/items/{ids[1]}"),
                send(app.url, "/v1/items?limit=50"),
                send(app.url, "/v1/items", "POST", {"name": "nut", "quantity": 2}),
                send(app.url, f"/v1/items/{ids[2]}", "PATCH", {"quantity": 3}),
                send(app.url, f"/v1/items/{ids[2]}"),
            ]
        if service.database == "sqlite":
            with sqlite3.connect(url.removeprefix("sqlite:///")) as connection:
                assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",), name
print(json.dumps(responses))
"""


# Output of wrk 4, which pads seconds with a space.
WRK_OUTPUT = """
Running 2s test @ http://127.0.0.1:8765/v1/items
  1 threads and 128 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency   361.13ms  170.04ms   1.73s    84.86%
  Latency Distribution
     50%  325.79ms
     75%  357.22ms
     90%  494.62ms
     99%    1.20s 
  700 requests in 2.00s, 1.12MB read
  Non-2xx or 3xx responses: 70
Requests/sec:    350.00
Transfer/sec:    574.00KB
"""  # noqa: W291 - as wrk prints it

# Runs a round with these rates, and prints the duration of each run.
WARM_UP = """
from pathlib import Path
import compare
from harness import Load

def measure(*rates):
    seconds, left = [], list(rates)
    def load(app, case, ids, length):
        seconds.append(length)
        return Load(left.pop(0), 1, 1, 0)
    compare.load = load
    return compare.measure_case(None, ("get", 16), Path(), 2).rate, seconds

assert measure(100, 200) == (200, [1, 2])
assert measure(0) == (0, [1])
"""

# Invented figures: two rounds, and a naive app that stalls.
REPORT = """
import json, sys
from pathlib import Path
from harness import Load, Service, parse
from report import write
from results import Comparison, Memory

good = parse(sys.argv[1])
assert (good.rate, good.p50, good.p99, good.failed) == (315, 325.79, 1200, 70), good
none = parse("  0 requests in 2.00s, 0.00B read\\nRequests/sec:      0.00")
found = Comparison(Service(Path(), "postgres", "sync"), {"Python": "3.14.0"})
found.loads[("get", 16)] |= {name: [good, good] for name in ("service", "naive", "limit")}
found.loads[("get", 128)] |= {"service": [good, good], "naive": [none, none]}
for name in ("service", "naive"):
    found.starts[name], found.memory[name] = [1.5], [Memory(100, 80)]
numbers = {"rounds": 2, "seconds": 2, "starts": 1, "rows": 10_000}
write([found], numbers, Path(sys.argv[2]))
"""


def test_the_report_has_a_table_and_a_plot(tmp_path: Path) -> None:
    done = execute(sys.executable, "-c", REPORT, WRK_OUTPUT, str(tmp_path), folder=BENCHMARKS)
    assert done.returncode == 0, done.stdout
    text = (tmp_path / "benchmarks.md").read_text(encoding="utf-8")
    same = "1.00 (1.00 to 1.00)"
    assert f"| Postgres sync | get by id | 16 | {same} | {same} | {same} |" in text
    assert "| Postgres sync | get by id | 128 | naive stalls | naive stalls |  |" in text
    assert "140 responses of the service app were not 2xx" in text
    assert "{" not in text
    plot = ElementTree.parse(tmp_path / "benchmarks.svg")  # noqa: S314 - our own
    assert "the naive app stalls" in "".join(plot.getroot().itertext())


def test_the_warm_up_counts_only_if_the_app_stalls() -> None:
    done = execute(sys.executable, "-c", WARM_UP, folder=BENCHMARKS)
    assert done.returncode == 0, done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("answers", VARIANTS, ids=variant_id)
def test_all_apps_are_typed_and_return_the_same_responses(
    bake: Bake, tmp_path: Path, answers: dict[str, str]
) -> None:
    service = bake(**answers)
    service.run("uv", "sync", "--quiet")
    arguments = ("-c", REQUESTS, str(service.path), str(tmp_path), str(ROWS))
    done = execute(sys.executable, *arguments, folder=BENCHMARKS)
    assert done.returncode == 0, done.stdout
    responses = {
        app: [*map(shape, answers)]
        for app, answers in json.loads(done.stdout.splitlines()[-1]).items()
    }
    assert responses["service"][0][1]["name"] == "Hex bolt M1"
    assert responses["naive"] == responses["service"]
    assert responses["limit"] == responses["service"]
    its_sources_are_typed(service)


def shape(response: tuple[int, dict[str, Any]]) -> tuple[int, dict[str, Any]]:
    """Masks what differs between the apps: ids, timestamps and cursors."""
    status, body = response
    for name in {"id", "created_at", "updated_at"} & body.keys():
        body[name] = re.sub("[0-9a-f]", "0", body[name])
    if "next_cursor" in body:
        body["next_cursor"] = body["next_cursor"] is not None
    return status, body


def its_sources_are_typed(service: Service) -> None:
    database, concurrency = service.answers["database"], service.answers["concurrency"]
    service.run(
        "uv", "run", "mypy", "--strict", "--config-file=", "--explicit-package-bases",
        "--ignore-missing-imports",  # dependencies of the limit only

        str(BENCHMARKS / "seed.py"),
        str(BENCHMARKS / "naive" / f"app_{concurrency}.py"),
        str(BENCHMARKS / "limit" / f"{database}_{concurrency}.py"),
        MYPYPATH=str(BENCHMARKS),
    )  # fmt: skip
