"""A service's tests pass in any environment, in any order, on each supported Python."""

import os
import random
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT, VARIANTS, Service, execute, render, variant_id

pytestmark = pytest.mark.slower

# One service on each database, one async and one sync.
TWO = [VARIANTS[0], pytest.param(VARIANTS[-1], marks=pytest.mark.exhaustive)]
each_of_two = pytest.mark.parametrize("answers", TWO, ids=map(variant_id, VARIANTS[::3]))

ELSEWHERE = "elsewhere"
NOWHERE = "http://127.0.0.1:9"
# Variables that a company's machine or a shell may set. PYTHONOPTIMIZE is not supported, because it
# removes the assertions of the tests.
USER_VARIABLES = {
    "COVERAGE_FILE": ELSEWHERE,
    "OTEL_EXPORTER_OTLP_ENDPOINT": NOWHERE,
    "OTEL_RESOURCE_ATTRIBUTES": "service.name=elsewhere",
    "OTEL_SERVICE_NAME": ELSEWHERE,
    "OTEL_TRACES_SAMPLER": "always_off",
    "PROMETHEUS_MULTIPROC_DIR": f"/{ELSEWHERE}",
    "PYTEST_ADDOPTS": "-x",
}
MACHINE_VARIABLES = {
    "ALL_PROXY": NOWHERE,
    "HTTPS_PROXY": NOWHERE,
    "HTTP_PROXY": NOWHERE,
    "LC_ALL": "C",
    "PGDATABASE": ELSEWHERE,
    "PGHOST": "192.0.2.1",
    "PGOPTIONS": "-c search_path=elsewhere",
    "PGPASSWORD": ELSEWHERE,
    "PGPORT": "9",
    "PGSSLMODE": "require",
    "PGUSER": ELSEWHERE,
    "PYTHONDONTWRITEBYTECODE": "1",
    "PYTHONWARNINGS": "error",
    "TZ": "Pacific/Chatham",
}
UNSET = ("PYTHONDONTWRITEBYTECODE", "PYTHONOPTIMIZE", "PYTHONUTF8", "http_proxy", "https_proxy")


def installed(folder: Path, answers: dict[str, str], *options: str) -> Service:
    render(folder, *(f"{question}={answer}" for question, answer in answers.items()))
    service = Service(folder / "my-service", answers)
    service.run("uv", "sync", *options)
    return service


def its_tests_pass(service: Service, mask: int, variables: dict[str, str]) -> None:
    unset = [option for name in UNSET if name not in variables for option in ("-u", name)]
    for target in ("test", "test-system"):
        command = ("sh", "-c", f'umask {mask:o}; exec "$@"', "sh", "env", *unset, "make", target)
        service.run(*command, **variables)


@each_of_two
def test_no_variable_of_the_user_reaches_the_tests(tmp_path: Path, answers: dict[str, str]) -> None:
    service = installed(tmp_path, answers)
    settings = dict.fromkeys(settings_of(service), ELSEWHERE)
    assert settings.keys() > {"DATABASE_URL", "HOST", "PORT"}
    its_tests_pass(service, 0o022, settings | USER_VARIABLES)


@each_of_two
def test_the_tests_pass_with_unusual_settings(tmp_path: Path, answers: dict[str, str]) -> None:
    service = installed(tmp_path / "a folder of 'mine'", answers)
    its_tests_pass(service, 0o077, MACHINE_VARIABLES)


def settings_of(service: Service) -> list[str]:
    return re.findall(r"^# ([A-Z_]+)=", service.read(".env.example"), re.MULTILINE)


@each_of_two
def test_the_tests_pass_in_any_order(tmp_path: Path, answers: dict[str, str]) -> None:
    service = installed(tmp_path, answers)
    command = ("uv", "run", "--with", "pytest-randomly>=5,<6", "pytest", "-q", "-n", "auto")
    for _ in range(3):
        service.run(*command, f"--randomly-seed={random.randrange(10**6)}")  # noqa: S311


@each_of_two
def test_each_file_of_the_tests_passes_alone(tmp_path: Path, answers: dict[str, str]) -> None:
    service = installed(tmp_path, answers)
    tests = service.path / "tests"
    files = [*tests.glob("test_*.py"), *tests.glob("[!s]*/test_*.py")]  # system: starts servers
    assert len(files) > 20
    for file in files:
        service.run("uv", "run", "--no-sync", "pytest", "-q", str(file))


def pythons(version: str) -> Iterator[Path]:
    """Yields paths where this CPython may be: on the PATH, from pyenv or from uv."""
    for folder in map(Path, os.environ["PATH"].split(os.pathsep)):
        yield folder / f"python{version}"
        if folder.name == "shims":  # pyenv's shims run only the selected versions
            yield from (folder.parent / "versions").glob(f"{version}.*/bin/python{version}")
    yield from (Path.home() / ".pyenv" / "versions").glob(f"{version}.*/bin/python{version}")
    yield Path(execute("uv", "python", "find", "--offline", version, folder=ROOT).stdout.strip())


def is_python(path: Path, version: str) -> bool:
    script = "import sys; print('{}.{}'.format(*sys.version_info), sys.implementation.name)"
    try:
        output = subprocess.check_output([path, "-c", script], stderr=subprocess.DEVNULL, text=True)
    except (OSError, subprocess.CalledProcessError):
        return False
    return output.split() == [version, "cpython"]


# Async variants only where coverage sees all lines: see tests/greenlets.py of a service.
SQLITE_ASYNC, SQLITE_SYNC, POSTGRES_ASYNC, POSTGRES_SYNC = VARIANTS
PYTHONS = {
    "3.11": SQLITE_SYNC,
    "3.12": SQLITE_ASYNC,
    "3.13": POSTGRES_ASYNC,
    "3.14": POSTGRES_SYNC,
}


# test_services.py checks all variants on the Python that runs these tests.
RUNNING = f"{sys.version_info.major}.{sys.version_info.minor}"


@pytest.mark.parametrize(
    ("version", "answers"),
    [
        pytest.param(*row, marks=pytest.mark.exhaustive if row[0] == RUNNING else ())
        for row in PYTHONS.items()
    ],
    ids=PYTHONS,
)
def test_the_checks_pass_on_each_python(
    tmp_path: Path, version: str, answers: dict[str, str]
) -> None:
    python = next((path for path in pythons(version) if is_python(path, version)), None)
    if not python:
        pytest.skip(f"This machine has no Python {version}.")
    service = installed(tmp_path, answers, "--python", str(python))
    service.run("make", "check", UV_PYTHON=str(python))
    output = service.run(".venv/bin/python", "--version")
    assert output.startswith(f"Python {version}."), output
