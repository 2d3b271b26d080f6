"""Fixtures and helpers: `bake(database="postgres").run("make", "test")`."""

from __future__ import annotations

import ast
import functools
import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pytest_cookies.plugin import Cookies

collect_ignore = ["tools"]  # they run in rendered services

ROOT = Path(__file__).parent.parent
TEMPLATE = ROOT / "{{cookiecutter.project_slug}}"
VERSION: str = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
QUESTIONS: dict[str, Any] = json.loads((ROOT / "cookiecutter.json").read_text(encoding="utf-8"))

# A service's tests must not see the settings of the user who runs these tests.
NOT_INHERITED = {
    "ALLOWED_HOSTS", "APP_ENV", "AUTH", "AUTH_ALGORITHM", "AUTH_AUDIENCE",
    "AUTH_AUDIENCE_CLAIM", "AUTH_ISSUER", "AUTH_ROLES_CLAIM", "AUTH_SECRET_KEY",
    "AUTH_SECRET_KEY_FALLBACKS",
    "AUTH_JWKS_URL", "CORS_ORIGINS", "DATABASE_LOCK_TIMEOUT", "DATABASE_MAX_OVERFLOW",
    "DATABASE_PGBOUNCER", "DATABASE_POOL_SIZE", "DATABASE_POOL_TIMEOUT", "DATABASE_SYNCHRONOUS",
    "DATABASE_TIMEOUT", "DATABASE_URL", "DOCS", "DRAIN_SECONDS",
    "HANDLER_THREADS", "HOST", "JOBS_CONCURRENCY", "JOBS_LEASE", "JOBS_METRICS_PORT",
    "LOG_FORMAT", "LOG_LEVEL", "MAKEFLAGS", "MAKELEVEL",
    "MAX_BODY_BYTES", "METRICS",
    "OTEL_EXPORTER_OTLP_ENDPOINT", "PGPASSWORD", "PORT",
    "POSTGRES_PASSWORD", "PROMETHEUS_MULTIPROC_DIR", "RATE_LIMIT", "REQUEST_TIMEOUT",
    "SHUTDOWN_TIMEOUT", "TEST_DATABASE_URL", "VIRTUAL_ENV", "WORKERS",
}  # fmt: skip


def constant(hook: str, name: str) -> Any:
    """Returns a constant of a hook without importing it, which would run the hook."""
    source = (ROOT / "hooks" / hook).read_text(encoding="utf-8")
    for node in ast.parse(source).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == name:
            return ast.literal_eval(node.value)
    raise AssertionError(f"{hook} has no {name}")


def matrix(*left_out: str) -> list[dict[str, str]]:
    """Returns all combinations of choices in cookiecutter.json, `left_out` at their defaults."""
    choices = {
        question: answers[:1] if question in left_out else answers
        for question, answers in QUESTIONS.items()
        if isinstance(answers, list)
    }
    return [
        dict(zip(choices, answers, strict=True)) for answers in itertools.product(*choices.values())
    ]


def variant_id(answers: dict[str, str]) -> str:
    return "-".join(answers.values())


# `setup` does not change the rendered files.
RENDERS = [answers | {"setup": "files"} for answers in matrix("setup")]
VARIANTS = [answers | {"setup": "files"} for answers in matrix("setup", "ci")]

each_render = pytest.mark.parametrize("answers", RENDERS, ids=variant_id)
each_variant = pytest.mark.parametrize("answers", VARIANTS, ids=variant_id)


def variants(*numbers: int) -> pytest.MarkDecorator:
    """Parametrizes by variant; only make test-exhaustive runs those without these numbers."""
    return pytest.mark.parametrize(
        "answers",
        [
            pytest.param(
                answers,
                id=variant_id(answers),
                marks=() if number in numbers else pytest.mark.exhaustive,
            )
            for number, answers in enumerate(VARIANTS)
        ],
    )


each_choice = variants(0, 3)  # both databases, async and sync
default_choice = variants(0)


def environment(**changes: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name not in NOT_INHERITED}
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    return kept | {"PATH": path, "PYTHONUTF8": "1"} | changes


# Background jobs of a script ignore SIGINT, and child processes inherit that.
INTERRUPTIBLE = """
import os, signal, sys

signal.signal(signal.SIGINT, signal.SIG_DFL)
os.execvp(sys.argv[1], sys.argv[1:])
"""
INTERRUPTIBLY = (sys.executable, "-S", "-c", INTERRUPTIBLE)


def execute(
    *command: str, folder: Path, stdin: str = "", **variables: str
) -> subprocess.CompletedProcess[str]:
    """Runs a command with this text as `stdin`, and captures both output streams in one."""
    process = subprocess.Popen(
        [*INTERRUPTIBLY, *command],
        cwd=folder,
        env=environment(**variables),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,  # ends its child processes too
    )
    try:
        output, _ = process.communicate(stdin)
    except BaseException as error:  # Ctrl+C, or the timeout of the test
        end(process)
        with suppress(subprocess.TimeoutExpired):
            error.add_note(process.communicate(timeout=10)[0])
        raise
    return subprocess.CompletedProcess(command, process.returncode, output)


@contextmanager
def start_process(
    *command: str, folder: Path, stderr: Any = subprocess.STDOUT, **variables: str
) -> Iterator[subprocess.Popen[str]]:
    """Runs a program beside the test in its own process group, for `os.killpg`.

    Closes its standard input at the end, then kills what does not exit.
    """
    process = subprocess.Popen(
        [*INTERRUPTIBLY, *command],
        cwd=folder,
        env=environment(**variables),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=stderr,
        text=True,
        start_new_session=True,
    )
    with process:
        try:
            yield process
        finally:
            assert process.stdin
            with suppress(BrokenPipeError):
                process.stdin.close()
            with suppress(subprocess.TimeoutExpired):
                process.wait(5)
            end(process)


def end(process: subprocess.Popen[Any]) -> None:
    """Interrupts the process, so that it ends its children in other groups, then kills the rest."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            process.wait(10)
    kill(process)


def kill(process: subprocess.Popen[Any]) -> None:
    """Kills a process group."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


# Timeouts in seconds by marker; the other tests have the `timeout` of pyproject.toml.
LIMITS = {"slow": 900, "slower": 1200, "browser": 900, "fleet": 900}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        for name in LIMITS.keys() & {marker.name for marker in item.iter_markers()}:
            item.add_marker(pytest.mark.timeout(LIMITS[name]))


# Runs in the service's environment until its standard input ends.
THROWAWAY = """
import sys
from tests import database

with database.throwaway_{what}() as url:
    print(url, flush=True)
    sys.stdin.read()
"""


@dataclass
class Service:
    """A rendered service."""

    path: Path
    answers: dict[str, str]

    def files(self, pattern: str = "*") -> Iterator[Path]:
        return (path for path in sorted(self.path.rglob(pattern)) if path.is_file())

    def read(self, name: str) -> str:
        return (self.path / name).read_text(encoding="utf-8")

    def run(self, *command: str, **variables: str) -> str:
        """Returns the output of `command`; fails the test and shows it if the command fails."""
        done = execute(*command, folder=self.path, **variables)
        assert done.returncode == 0, f"{' '.join(command)} in {self.path}\n{done.stdout}"
        return done.stdout

    @contextmanager
    def throwaway(self, what: str) -> Iterator[str]:
        """Yields the URL of a temporary `database` or `server`, by the service's test helpers."""
        with self.start(THROWAWAY.format(what=what)) as process:
            assert process.stdout
            url = process.stdout.readline().strip()
            assert url, process.communicate()[1]
            yield url
            process.communicate()

    def start(self, script: str, **variables: str) -> AbstractContextManager[subprocess.Popen[str]]:
        """Runs a script in the service's Python beside the test until its standard input ends."""
        command = ("uv", "run", "--no-sync", "python", "-c", script)
        return start_process(*command, folder=self.path, stderr=subprocess.PIPE, **variables)


Bake = Callable[..., Service]

# The identity for commits, by environment variables instead of the user's configuration.
IDENTITY = {
    "GIT_AUTHOR_NAME": "A",
    "GIT_AUTHOR_EMAIL": "a@example.com",
    "GIT_COMMITTER_NAME": "A",
    "GIT_COMMITTER_EMAIL": "a@example.com",
}
CRUFT = ("uvx", "--system-certs", "cruft>=2.16,<3")
NO_GIT_CONFIG = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}


def commit(service: Service, message: str) -> None:
    """Commits everything, in a new repository if there is none."""
    commands = ("init", "--quiet"), ("add", "--all"), ("commit", "--quiet", "--message", message)
    for command in commands:
        service.run("git", *command, **IDENTITY, **NO_GIT_CONFIG)


def make_once(service: Service, *arguments: str, **variables: str) -> None:
    """Runs a target that writes files, and asserts that a second run changes nothing."""
    service.run("make", *arguments, **variables)
    commit(service, " ".join(arguments))
    assert "Nothing to do" in service.run("make", *arguments)
    assert service.run("git", "status", "--porcelain") == ""


@pytest.fixture(scope="session", autouse=True)
def _isolate_cookiecutter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Isolates cookiecutter's replay files and clones from those of the user."""
    folder = tmp_path_factory.mktemp("cookiecutter")
    config = folder / "config.yaml"
    config.write_text(f"replay_dir: {folder / 'replay'}\ncookiecutters_dir: {folder / 'cloned'}\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COOKIECUTTER_CONFIG", str(config))
        yield


@pytest.fixture
def bake(cookies: Cookies) -> Bake:
    """Renders a new service for each test, with `setup=files` by default."""
    return baker(cookies)


@pytest.fixture(scope="session")
def rendered(cookies_session: Cookies) -> Bake:
    """Renders each service once, for tests that only read it."""
    return functools.cache(baker(cookies_session))


def baker(cookies: Cookies) -> Bake:
    def render(**answers: str) -> Service:
        unknown = answers.keys() - QUESTIONS.keys()
        assert not unknown, f"cookiecutter.json has no question {unknown}"
        context = {question: escaped(question, answer) for question, answer in answers.items()}
        result = cookies.bake({"setup": "files"} | context, template=str(ROOT))
        if result.exception:
            raise result.exception
        assert result.project_path is not None
        return Service(result.project_path, answers)

    return render


def loses_lines(service: Service, output: str) -> bool:
    """Whether coverage misses lines that ran: see tests/greenlets.py of a service."""
    is_async = service.answers.get("concurrency", "async") == "async"
    return is_async and "python 3.11" in output


def all_is_covered(service: Service, output: str) -> bool:
    """Whether `make check` covered every line; where lines are lost, it has its own limit."""
    return "Total coverage: 100.00%" in output or loses_lines(service, output)


def escaped(question: str, answer: str) -> str:
    """Escapes the answer, because cookiecutter renders it as Jinja."""
    return answer if isinstance(QUESTIONS[question], list) else f"{{{{ {answer!a} }}}}"


def cookiecutter(
    *arguments: str,
    template: Path | str = ROOT,
    python: str = sys.executable,
    folder: Path = ROOT,
    **more: str,
) -> subprocess.CompletedProcess[str]:
    """Runs cookiecutter's command line."""
    command = (python, "-m", "cookiecutter", str(template), *arguments)
    return execute(*command, folder=folder, **more)


def start_render(
    *arguments: str, **variables: str
) -> AbstractContextManager[subprocess.Popen[str]]:
    """Renders in a process beside the test."""
    command = (sys.executable, "-m", "cookiecutter", str(ROOT), "--no-input", *arguments)
    return start_process(*command, folder=ROOT, **variables)


def render(folder: Path, *arguments: str, **more: Any) -> str:
    """Renders into `folder` without prompts and returns the output; fails the test on an error."""
    done = cookiecutter("--no-input", "--output-dir", str(folder), *arguments, **more)
    assert done.returncode == 0, done.stdout
    return done.stdout


def contents(folder: Path) -> dict[str, bytes]:
    """Returns the content of every file below the folder."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


@dataclass
class Template:
    """A modifiable repository with the template in its current state."""

    path: Path

    def git(self, *arguments: str) -> None:
        done = execute("git", *arguments, folder=self.path, **IDENTITY)
        assert done.returncode == 0, done.stdout

    def release(self, *edits: tuple[str, str, str]) -> None:
        """Commits the template with these changes: file, old text, new text."""
        for name, old, new in edits:
            path = self.path / TEMPLATE.name / name
            path.parent.mkdir(exist_ok=True)
            text = path.read_text(encoding="utf-8") if old else ""
            assert not old or text.count(old) == 1, f"{name} does not contain {old!r} exactly once"
            path.write_text(text.replace(old, new), encoding="utf-8")
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", "A release")


@pytest.fixture
def template(tmp_path: Path) -> Template:
    created = Template(tmp_path / "template")
    created.path.mkdir()
    created.git("-c", "init.defaultBranch=main", "init", "--quiet")
    copy_sources(created.path)
    created.release()
    return created


@pytest.fixture
def template_with_history(tmp_path: Path) -> Template:
    """A clone of this repository, plus a commit with the current state."""
    created = Template(tmp_path / "template")
    execute("git", "clone", "--quiet", str(ROOT), str(created.path), folder=ROOT)
    created.git("rm", "-r", "--quiet", ".")
    copy_sources(created.path)
    created.release()
    return created


def copy_sources(path: Path) -> None:
    """Copies the sources of a render, committed or not."""
    command = ("git", "ls-files", "--cached", "--others", "--exclude-standard", "-z")
    for name in subprocess.check_output(command, cwd=ROOT, text=True).split("\0"):
        is_source = name.startswith(("cookiecutter.json", "hooks/", "templates/", "{{"))
        if is_source and (ROOT / name).exists():
            (path / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, path / name)
