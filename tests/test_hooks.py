"""The setup of a render, and its messages when a tool is missing or fails."""

import os
import re
import shutil
import signal
import subprocess
import sys
import venv
from pathlib import Path

import pytest

from tests.conftest import (
    IDENTITY,
    NO_GIT_CONFIG,
    QUESTIONS,
    ROOT,
    VERSION,
    contents,
    cookiecutter,
    execute,
    render,
    start_process,
    start_render,
)

COMMIT = "git init && git add . && git commit --message 'First commit'"
ALL = f"make install && {COMMIT} && make check"


@pytest.fixture
def tools(tmp_path: Path) -> Path:
    """A PATH with git, make, and a uv that only prints its arguments."""
    folder = tmp_path / "tools"
    folder.mkdir()
    for name in ("git", "make"):
        tool = shutil.which(name)
        assert tool
        (folder / name).symlink_to(tool)
    uv = folder / "uv"
    uv.write_text('#!/bin/sh\necho "uv $*"\ncase "$*" in *"$UV_FAILS_AT"*) exit 1;; esac\n')
    uv.chmod(0o755)
    return folder


@pytest.fixture(scope="session")
def bare_python(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A Python that can import cookiecutter, without uv beside it."""
    folder = tmp_path_factory.mktemp("bare") / "python"
    venv.create(folder, symlinks=os.name != "nt")
    (packages,) = folder.rglob("site-packages")
    site_packages = next(path for path in sys.path if path.endswith("site-packages"))
    (packages / "here.pth").write_text(site_packages)
    return str(folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python"))


def test_the_output_lists_the_next_commands_in_ten_lines(tmp_path: Path, tools: Path) -> None:
    for setup in QUESTIONS["setup"]:
        output = render(tmp_path / setup, f"setup={setup}", PATH=str(tools), UV_FAILS_AT="never")
        assert len(output.splitlines()) <= 10
        for command in (f"cd {tmp_path}/{setup}/my-service", "make dev", "make check"):
            assert command in output


def test_a_full_setup_locks_installs_commits_and_checks(tmp_path: Path, tools: Path) -> None:
    output = render(tmp_path, PATH=str(tools), UV_FAILS_AT="never", **IDENTITY)
    steps = ["lock", "install", "commit", "ruff format", "ruff check", "mypy", "pytest", "done"]
    positions = [output.index(f" {step}", output.index("Setting up:")) for step in steps]
    assert positions == sorted(positions)
    service = tmp_path / "my-service"
    log = subprocess.check_output(["git", "log", "--format=%an %s"], cwd=service, text=True)
    assert log == "A First commit\n"
    assert subprocess.check_output(["git", "status", "--porcelain"], cwd=service) == b""


@pytest.mark.parametrize("step", ["lock", "sync", "mypy"])
def test_a_failed_step_is_reported_last_and_keeps_the_files(
    tmp_path: Path, tools: Path, step: str
) -> None:
    output = render(tmp_path, PATH=str(tools), UV_FAILS_AT=step, **IDENTITY)
    _, _, last = output.partition("\nNot ready: ")
    assert "Next:" in output.removesuffix(last)
    assert f"{step} failed:\n  uv " in last.replace("sync --locked", "sync")
    remaining = {"lock": ALL, "sync": ALL, "mypy": "make check"}
    assert f"later: cd {tmp_path}/my-service && {remaining[step]}\n" in last
    assert f"report these lines: template {VERSION}, uv --version, Python 3." in last
    assert "Traceback" not in output
    assert (tmp_path / "my-service" / "app" / "main.py").exists()


def test_a_broken_uv_is_reported_and_keeps_the_files(tmp_path: Path, bare_python: str) -> None:
    output = render(tmp_path, python=bare_python, PATH="", UV="/no/such/uv")
    assert "cannot be run" in output
    assert "Traceback" not in output
    assert (tmp_path / "my-service" / "app" / "main.py").exists()


def test_without_uv_the_files_are_complete_and_the_next_commands_printed(
    tmp_path: Path, bare_python: str
) -> None:
    output = render(tmp_path, python=bare_python, PATH="", UV="")
    assert "uv is not installed" in output
    assert f"later: cd {tmp_path}/my-service && uv sync && git init && " in output
    assert "'First commit' && uv run ruff format --check && " in output
    assert "Traceback" not in output
    assert (tmp_path / "my-service" / "app" / "main.py").exists()
    assert not (tmp_path / "my-service" / ".venv").exists()


def test_without_a_network_the_files_are_complete_and_the_next_commands_printed(
    tmp_path: Path,
) -> None:
    cache = str(tmp_path / "empty")
    output = render(tmp_path, UV_OFFLINE="1", UV_CACHE_DIR=cache)
    assert "uv lock failed" in output
    assert "network" in output
    assert f"later: cd {tmp_path}/my-service && {ALL}" in output
    assert (tmp_path / "my-service" / "app" / "main.py").exists()


def test_without_git_only_the_commit_is_skipped(tmp_path: Path, tools: Path) -> None:
    (tools / "git").unlink()
    output = render(tmp_path, PATH=str(tools), UV_FAILS_AT="never")
    assert f"git is not installed; later: cd {tmp_path}/my-service && {COMMIT}\n" in output
    assert "done." in output


def test_without_make_the_printed_commands_use_uv(tmp_path: Path, tools: Path) -> None:
    (tools / "make").unlink()
    output = render(tmp_path, PATH=str(tools), UV_FAILS_AT="sync")
    assert f"later: cd {tmp_path}/my-service && uv sync && git init && " in output
    assert "'First commit' && uv run ruff format --check && " in output
    assert "\n  uv run python -m app --reload # serve" in output
    assert not re.search(r"make (dev|check|install)", output)


def test_with_an_old_python_the_files_are_complete(tmp_path: Path) -> None:
    output = render(tmp_path, UV_PYTHON="3.9", UV_PYTHON_DOWNLOADS="never")
    assert "uv lock failed" in output
    assert "3.9" in output
    assert f"later: cd {tmp_path}/my-service && {ALL}" in output
    assert (tmp_path / "my-service" / "app" / "main.py").exists()


def test_without_a_git_identity_only_the_commit_is_skipped(tmp_path: Path, tools: Path) -> None:
    no_identity = {"GIT_COMMITTER_NAME": "", "GIT_COMMITTER_EMAIL": "", **NO_GIT_CONFIG}
    output = render(tmp_path, PATH=str(tools), UV_FAILS_AT="never", **no_identity)
    assert "git has no user.name" in output
    assert f"later: cd {tmp_path}/my-service && {COMMIT}\n" in output
    assert "done." in output
    assert not (tmp_path / "my-service" / ".git").exists()


def test_a_failed_commit_is_reported_and_the_checks_run(tmp_path: Path, tools: Path) -> None:
    hooks = tmp_path / "hooks"
    hooks.mkdir()
    (hooks / "pre-commit").write_text("#!/bin/sh\necho no; exit 1\n")
    (hooks / "pre-commit").chmod(0o755)
    config = tmp_path / "gitconfig"
    config.write_text(f"[core]\nhooksPath = {hooks}\n")
    variables = IDENTITY | NO_GIT_CONFIG | {"GIT_CONFIG_GLOBAL": str(config)}
    output = render(tmp_path, PATH=f"{tools}:/bin:/usr/bin", UV_FAILS_AT="never", **variables)
    assert "Not committed: git commit" in output
    assert f"later: cd {tmp_path}/my-service && {COMMIT}\n" in output
    assert "mypy" in output
    assert "done." in output


def test_an_enclosing_repository_does_not_change(tmp_path: Path, tools: Path) -> None:
    subprocess.run(["git", "init", "--quiet", tmp_path], check=True)
    output = render(tmp_path, PATH=str(tools), UV_FAILS_AT="never", **IDENTITY)
    assert f"the folder belongs to the repository at {tmp_path}" in output
    assert not (tmp_path / "my-service" / ".git").exists()
    staged = subprocess.check_output(["git", "diff", "--cached", "--name-only"], cwd=tmp_path)
    assert staged == b""


def read_until(end: str, process: subprocess.Popen[str]) -> str:
    """Returns the output of the process up to `end`."""
    assert process.stdout
    output = ""
    while not output.endswith(end):
        character = process.stdout.read(1)
        assert character, output
        output += character
    return output


def test_an_interrupted_setup_leaves_complete_files(tmp_path: Path, tools: Path) -> None:
    (tools / "uv").write_text("#!/bin/sh\nexec /bin/sleep 60\n")
    with start_render("--output-dir", str(tmp_path), PATH=str(tools)) as process:
        assert process.stdout
        output = read_until("Setting up: lock", process)
        os.killpg(process.pid, signal.SIGINT)  # like a terminal, to the whole process group
        output += process.stdout.read()
    assert "Stopped: the files are complete" in output
    assert process.returncode == 1
    render(tmp_path / "whole", "setup=files")
    assert contents(tmp_path / "my-service") == contents(tmp_path / "whole" / "my-service") | {
        ".cruft.json": (tmp_path / "my-service" / ".cruft.json").read_bytes()
    }


def test_a_setup_that_ignores_interrupts_continues(tmp_path: Path, tools: Path) -> None:
    """A shell starts the background jobs of a script with SIGINT ignored."""
    (tools / "uv").write_text("#!/bin/sh\nuntil [ -e go ]; do /bin/sleep 0.1; done\n")
    ignoring = ("sh", "-c", 'trap "" INT; exec "$@"', "sh", sys.executable, "-m", "cookiecutter")
    options = (str(ROOT), "--no-input", "--output-dir", str(tmp_path))
    path = f"{tools}{os.pathsep}/bin{os.pathsep}/usr/bin"
    with start_process(*ignoring, *options, folder=tmp_path, PATH=path, **IDENTITY) as process:
        assert process.stdout
        output = read_until("Setting up: lock", process)
        os.killpg(process.pid, signal.SIGINT)
        (tmp_path / "my-service" / "go").touch()
        output += process.stdout.read()
    assert " done." in output
    assert process.returncode == 0


def test_the_printed_path_is_relative_to_the_start_folder(tmp_path: Path) -> None:
    options = ("--no-input", "setup=files", "--output-dir")
    for folder, shown_path in ((".", "my-service"), ("a b", "'a b/my-service'")):
        done = cookiecutter(*options, folder, folder=tmp_path, PWD=str(tmp_path))
        assert f"\n  cd {shown_path}\n" in done.stdout


def test_a_uv_outside_the_path_is_used_and_reported(
    tmp_path: Path, tools: Path, bare_python: str
) -> None:
    uv = tmp_path / "elsewhere" / "uv"
    uv.parent.mkdir()
    (tools / "uv").rename(uv)
    variables = {"PATH": str(tools), "UV": str(uv), "UV_FAILS_AT": "never"}
    output = render(tmp_path, python=bare_python, **variables)
    assert f"make does not find uv: add {uv.parent} to your PATH\n" in output
    assert "done." in output


def test_a_closed_output_does_not_stop_the_render(tmp_path: Path) -> None:
    command_line = f"{sys.executable} -m cookiecutter {ROOT} --no-input setup=files"
    for name, end in (("head", "| head -1"), ("closed", ">&-"), ("both", ">&- 2>&-")):
        command = f"{command_line} --output-dir {tmp_path} project_slug={name} {end}"
        execute("sh", "-c", command, folder=tmp_path)
        assert (tmp_path / name / "app" / "main.py").exists()
        assert not (tmp_path / name / ".before-rendering").exists()


def test_rendering_works_inside_a_git_hook(tmp_path: Path, tools: Path) -> None:
    """There, git's variables point to the repository of the hook."""
    other = tmp_path / "other"
    subprocess.run(["git", "init", "--quiet", other], check=True)
    variables = {"GIT_DIR": str(other / ".git"), "GIT_INDEX_FILE": str(other / ".git" / "index")}
    output = render(tmp_path, PATH=str(tools), UV_FAILS_AT="never", **IDENTITY, **variables)
    assert "Not committed" not in output
    assert (tmp_path / "my-service" / ".git").is_dir()
