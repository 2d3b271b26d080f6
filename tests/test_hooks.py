"""What a person is told while rendering, and what is on disk after things go wrong."""

import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import pytest

from tests.conftest import QUESTIONS, cookiecutter

# What a commit needs to know, given by the environment so that no configuration is read.
IDENTITY = {
    "GIT_AUTHOR_NAME": "A",
    "GIT_AUTHOR_EMAIL": "a@example.com",
    "GIT_COMMITTER_NAME": "A",
    "GIT_COMMITTER_EMAIL": "a@example.com",
}
NO_GIT_CONFIG = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}


def render(folder: Path, *arguments: str, python: str = sys.executable, **variables: str) -> str:
    """What a render that succeeds prints."""
    done = cookiecutter("--output-dir", str(folder), *arguments, python=python, **variables)
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.fixture
def tools(tmp_path: Path) -> Path:
    """A PATH with nothing on it but git and a uv that says what it is told, and does nothing."""
    folder = tmp_path / "tools"
    folder.mkdir()
    git = shutil.which("git")
    assert git
    (folder / "git").symlink_to(git)
    uv = folder / "uv"
    uv.write_text('#!/bin/sh\necho "uv $*"\ncase "$*" in *"$UV_FAILS_AT"*) exit 1;; esac\n')
    uv.chmod(0o755)
    return folder


@pytest.fixture(scope="session")
def bare_python(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A Python that can import cookiecutter, with no uv beside it."""
    folder = tmp_path_factory.mktemp("bare") / "python"
    venv.create(folder, symlinks=os.name != "nt")
    (packages,) = folder.rglob("site-packages")
    here = next(path for path in sys.path if path.endswith("site-packages"))
    (packages / "here.pth").write_text(here)
    return str(folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python"))


@pytest.mark.parametrize(
    ("question", "answer", "told"),
    [
        ("project_slug", "../x", "cannot name a folder"),
        ("project_slug", "/tmp/x", "cannot name a folder"),  # noqa: S108 - it is refused
        ("project_slug", "a b", "cannot name a folder"),
        ("project_slug", "1st", "cannot name a folder"),
        ("project_slug", "a_b", "cannot name a folder"),
        ("project_slug", "a-", "cannot name a folder"),
        ("project_slug", "straße", "cannot name a folder"),
        ("project_slug", "x" * 64, "63 at most"),
        ("project_slug", "NUL", "device on Windows"),
        ("project_name", "a\nb", "line break"),
        ("description", " ", "is empty"),
        ("author_name", "", "is empty"),
        ("author_email", "a\x07b", "invisible character"),
        ("author_name", "a\u202eb", "invisible character"),
        ("author_name", "a ", "ends with a blank"),
    ],
)
def test_an_answer_that_will_not_do_is_refused_in_a_sentence(
    tmp_path: Path, question: str, answer: str, told: str
) -> None:
    out = tmp_path / "a" / "out"
    done = cookiecutter("--output-dir", str(out), "setup=files", f"{question}={answer}")
    assert done.returncode == 1
    (sentence,) = (line for line in done.stdout.splitlines() if line.startswith("Not rendered: "))
    assert question in sentence
    assert told in sentence
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize("question", [q for q, a in QUESTIONS.items() if isinstance(a, list)])
def test_an_unknown_choice_is_refused_with_the_choices_there_are(
    tmp_path: Path, question: str
) -> None:
    done = cookiecutter("--output-dir", str(tmp_path / "out"), f"{question}=other")
    assert done.returncode == 1
    last = done.stdout.splitlines()[-1]
    assert "other" in last
    assert question in last
    assert all(choice in last for choice in QUESTIONS[question])
    assert list(tmp_path.iterdir()) == []


def test_the_next_commands_are_told_in_ten_lines(tmp_path: Path, tools: Path) -> None:
    for setup in QUESTIONS["setup"]:
        told = render(tmp_path / setup, f"setup={setup}", PATH=str(tools), UV_FAILS_AT="never")
        assert len(told.splitlines()) <= 10
        for command in ("cd my-service", "make dev", "make check"):
            assert command in told


def test_a_full_setup_locks_installs_commits_and_checks(tmp_path: Path, tools: Path) -> None:
    told = render(tmp_path, PATH=str(tools), UV_FAILS_AT="never", **IDENTITY)
    steps = ["lock", "install", "commit", "ruff format", "ruff check", "mypy", "pytest", "done"]
    positions = [told.index(f" {step}") for step in steps]
    assert positions == sorted(positions)
    service = tmp_path / "my-service"
    log = subprocess.check_output(["git", "log", "--format=%an %s"], cwd=service, text=True)
    assert log == "A First commit\n"
    assert subprocess.check_output(["git", "status", "--porcelain"], cwd=service) == b""


@pytest.mark.parametrize("step", ["lock", "sync", "mypy"])
def test_a_step_that_fails_is_shown_and_the_files_stay(
    tmp_path: Path, tools: Path, step: str
) -> None:
    told = render(tmp_path, PATH=str(tools), UV_FAILS_AT=step)
    assert f"{step} failed:" in told.replace("sync --locked", "sync")
    assert "later: cd my-service && make install check" in told
    assert "Traceback" not in told
    assert (tmp_path / "my-service" / "app" / "main.py").exists()


def test_a_uv_that_cannot_be_run_is_told_and_the_files_stay(
    tmp_path: Path, bare_python: str
) -> None:
    told = render(tmp_path, python=bare_python, PATH="", UV="/no/such/uv")
    assert "cannot be run" in told
    assert "Traceback" not in told
    assert (tmp_path / "my-service" / "app" / "main.py").exists()


def test_without_uv_the_files_are_complete_and_the_rest_is_told(
    tmp_path: Path, bare_python: str
) -> None:
    told = render(tmp_path, python=bare_python, PATH="", UV="")
    assert "uv is not installed" in told
    assert "later: cd my-service && make install check" in told
    assert "Traceback" not in told
    assert (tmp_path / "my-service" / "app" / "main.py").exists()
    assert not (tmp_path / "my-service" / ".venv").exists()


def test_without_a_network_the_files_are_complete_and_the_rest_is_told(tmp_path: Path) -> None:
    cache = str(tmp_path / "empty")
    told = render(tmp_path, UV_OFFLINE="1", UV_CACHE_DIR=cache)
    assert "uv lock failed" in told
    assert "make install check" in told
    assert (tmp_path / "my-service" / "app" / "main.py").exists()


def test_without_git_there_is_no_commit_and_all_else(tmp_path: Path, tools: Path) -> None:
    (tools / "git").unlink()
    told = render(tmp_path, PATH=str(tools), UV_FAILS_AT="never")
    assert "git is not installed" in told
    assert "done." in told


def test_without_a_name_for_git_there_is_no_commit_and_all_else(
    tmp_path: Path, tools: Path
) -> None:
    nobody = {"GIT_COMMITTER_NAME": "", "GIT_COMMITTER_EMAIL": "", **NO_GIT_CONFIG}
    told = render(tmp_path, PATH=str(tools), UV_FAILS_AT="never", **nobody)
    assert "git does not know your name" in told
    assert "done." in told
    assert not (tmp_path / "my-service" / ".git").exists()


def test_a_commit_that_fails_is_told_and_the_checks_run_all_the_same(
    tmp_path: Path, tools: Path
) -> None:
    hooks = tmp_path / "hooks"
    hooks.mkdir()
    (hooks / "pre-commit").write_text("#!/bin/sh\necho no; exit 1\n")
    (hooks / "pre-commit").chmod(0o755)
    config = tmp_path / "gitconfig"
    config.write_text(f"[core]\nhooksPath = {hooks}\n")
    own = IDENTITY | NO_GIT_CONFIG | {"GIT_CONFIG_GLOBAL": str(config)}
    told = render(tmp_path, PATH=f"{tools}:/bin:/usr/bin", UV_FAILS_AT="never", **own)
    assert "Not committed: git commit" in told
    assert "mypy" in told
    assert "done." in told


def test_a_repository_around_the_folder_is_left_alone(tmp_path: Path, tools: Path) -> None:
    subprocess.run(["git", "init", "--quiet", tmp_path], check=True)
    told = render(tmp_path, PATH=str(tools), UV_FAILS_AT="never", **IDENTITY)
    assert f"it belongs to the repository at {tmp_path}" in told
    assert not (tmp_path / "my-service" / ".git").exists()
    staged = subprocess.check_output(["git", "diff", "--cached", "--name-only"], cwd=tmp_path)
    assert staged == b""


def test_a_folder_that_is_there_already_is_not_touched(tmp_path: Path) -> None:
    mine = tmp_path / "my-service" / "mine.txt"
    mine.parent.mkdir()
    mine.write_text("mine")
    done = cookiecutter("--output-dir", str(tmp_path), "setup=files")
    assert done.returncode == 1
    assert "already exists" in done.stdout
    assert [path.name for path in mine.parent.iterdir()] == ["mine.txt"]


def test_files_that_are_to_be_skipped_stay_as_they_are(tmp_path: Path) -> None:
    answers = ("setup=files", "concurrency=sync")
    render(tmp_path, *answers)
    service = tmp_path / "my-service"
    edited = service / "app" / "api" / "routes" / "items.py"
    edited.write_text(edited.read_text() + "\n\nasync def export() -> None:\n    await all()\n")
    (service / "app" / "db" / "session.py").unlink()
    before = {path: path.read_bytes() for path in service.rglob("*") if path.is_file()}
    render(tmp_path, *answers, "--overwrite-if-exists", "--skip-if-file-exists")
    after = {path: path.read_bytes() for path in service.rglob("*") if path.is_file()}
    assert before.items() <= after.items()
    added = {path.relative_to(service).as_posix() for path in after.keys() - before.keys()}
    assert added == {"app/db/session.py"}
    assert "async" not in (service / "app" / "db" / "session.py").read_text()


def test_rendering_over_a_service_can_change_its_answers(tmp_path: Path) -> None:
    render(tmp_path, "setup=files", "concurrency=async")
    render(tmp_path, "setup=files", "concurrency=sync", "--overwrite-if-exists")
    assert "async" not in (tmp_path / "my-service" / "app" / "db" / "session.py").read_text()
    assert not (tmp_path / "my-service" / ".before-rendering.json").exists()


def test_files_that_are_not_the_templates_stay_as_they_are(tmp_path: Path) -> None:
    mine = tmp_path / "my-service" / "app" / "mine.py"
    mine.parent.mkdir(parents=True)
    mine.write_text("async def mine() -> None: ...\n")
    workflow = tmp_path / "my-service" / ".github" / "workflows" / "mine.yml"
    workflow.parent.mkdir(parents=True)
    workflow.write_text("on: push\n")
    answers = ("setup=files", "concurrency=sync", "ci=none")
    render(tmp_path, "--overwrite-if-exists", *answers)
    assert mine.read_text() == "async def mine() -> None: ...\n"
    assert workflow.read_text() == "on: push\n"
    assert "async" not in (tmp_path / "my-service" / "app" / "db" / "session.py").read_text()
