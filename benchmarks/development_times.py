"""Measures how long common development commands take, for docs/development-times.md.

Renders and installs the variants below FOLDER, if given, unless they exist. Needs uv and make.
"""

import argparse
import os
import shlex
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from harness import (
    ROOT,
    VARIANTS,
    Service,
    clean_up_when_terminated,
    databases,
    free_port,
    install,
    require_programs,
    running,
)

COOKIECUTTER = f"{shlex.quote(sys.executable)} -m cookiecutter --no-input --overwrite-if-exists"
NOTHING_COLLECTED = 5  # https://docs.pytest.org/en/stable/reference/exit-codes.html
BARE = """
async def app(scope, receive, send):
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body"})
"""


def seconds(command: str, folder: Path) -> float:
    start = time.perf_counter()
    result = subprocess.run(shlex.split(command), cwd=folder, capture_output=True, check=False)
    if result.returncode not in {0, NOTHING_COLLECTED}:
        sys.exit(f"{command} failed:\n{result.stdout.decode()}{result.stderr.decode()}")
    return time.perf_counter() - start


def first_response(command: str, folder: Path, database: str) -> float:
    port = free_port()
    variables = os.environ | {"DATABASE_URL": database, "PORT": str(port)}
    arguments = shlex.split(command.format(port=port))
    start = time.perf_counter()
    with running(arguments, folder, variables, f"http://127.0.0.1:{port}"):
        return time.perf_counter() - start


def median(rounds: int, measure: Callable[[], float]) -> str:
    return f"{statistics.median(measure() for _ in range(rounds)):.2f}"


def measure_template(scratch: Path, rounds: int) -> Iterator[tuple[str, str]]:
    empty = scratch / "empty"
    (empty / "{{cookiecutter.slug}}").mkdir(parents=True)
    (empty / "cookiecutter.json").write_text('{"slug": "nothing"}', encoding="utf-8")
    for name, source in (("an empty folder", f"{empty}"), ("the service", f"{ROOT} setup=files")):
        command = f"{COOKIECUTTER} --output-dir {scratch}/out {source}"
        yield f"cookiecutter renders {name}", median(rounds, partial(seconds, command, scratch))


def measure_service(service: Service, scratch: Path, rounds: int) -> Iterator[tuple[str, str]]:
    empty_folder = scratch / f"nothing-{service.variant}"
    empty_folder.mkdir()
    (empty_folder / "bare.py").write_text(BARE, encoding="utf-8")
    python, folder = shlex.quote(service.python), service.path
    collects = f"{python} -m pytest --rootdir ."
    yield "pytest collects nothing", median(rounds, partial(seconds, collects, empty_folder))
    yield "`make test`", median(rounds, partial(seconds, "make test", folder))
    yield "`make check`", median(rounds, partial(seconds, "make check", folder))
    bare = f"{python} -m uvicorn bare:app --reload --port {{port}}"
    with databases(service) as (url,):
        for name, command, cwd in (
            ("uvicorn --reload, three lines of ASGI", bare, empty_folder),
            ("`make dev`", "make dev", folder),
        ):
            duration = median(rounds, partial(first_response, command, cwd, url))
            yield f"{name}: first response", duration


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, help="where services are kept for the next time")
    parser.add_argument("--variants", nargs="+", choices=VARIANTS, default=VARIANTS)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    require_programs("uv", "make")
    clean_up_when_terminated()
    with tempfile.TemporaryDirectory() as temporary:
        scratch = Path(temporary)
        for name, value in measure_template(scratch, options.rounds):
            print(f"| | {name} | {value} |", flush=True)
        folder = (options.folder or scratch).resolve()
        for service in (install(folder, variant) for variant in options.variants):
            for name, value in measure_service(service, scratch, options.rounds):
                print(f"| {service.variant} | {name} | {value} |", flush=True)


if __name__ == "__main__":
    main()
