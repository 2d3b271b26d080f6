"""Every command and every path in AGENTS.md and CONTRIBUTING.md exists."""

import re
import shlex
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT, TEMPLATE, execute

PAGES = ("AGENTS.md", "CONTRIBUTING.md")
BLOCK = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)
ONLY_IN_RENDERS = {".cruft.json"}
# With a slash, or the name of a file at the top.
PATH = re.compile(
    r"`((?:\{\{cookiecutter\.project_slug\}\}|[\w.-]+)/[\w./-]*|[\w-]+\.(?:md|json|toml|txt))`"
)
TARGETS = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)


def read(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def commands() -> list[list[str]]:
    lines = [
        line for page in PAGES for block in BLOCK.findall(read(page)) for line in block.splitlines()
    ]
    return [words for line in lines if (words := shlex.split(line, comments=True))]


def calls_of(program: str) -> list[list[str]]:
    """The arguments of each call of the program."""
    return [arguments for name, *arguments in commands() if name == program]


def test_the_commands_are_of_programs_that_these_tests_check() -> None:
    checked = {"make", ".venv/bin/pytest", ".venv/bin/cookiecutter", ".ci/run"}
    assert {command[0] for command in commands()} == checked
    assert (ROOT / ".ci" / "run").stat().st_mode & 0o100


def test_every_make_target_exists() -> None:
    mentioned = [name for page in PAGES for name in re.findall(r"`make ([a-z-]+)`", read(page))]
    named = {target for targets in calls_of("make") for target in targets} | {*mentioned}
    assert named - {*TARGETS, "resource"} == set()  # the service has `make resource`


def test_help_lists_every_target() -> None:
    output = execute("make", "help", folder=ROOT).stdout
    assert [line.split()[1] for line in output.splitlines()] == TARGETS


@pytest.mark.parametrize("arguments", calls_of(".venv/bin/pytest"), ids=" ".join)
def test_the_pytest_commands_select_tests(arguments: list[str]) -> None:
    command = (sys.executable, "-m", "pytest", "--collect-only", "--quiet", "--numprocesses=0")
    done = execute(*command, *arguments, folder=ROOT)
    assert done.returncode == 0, done.stdout


def test_the_cookiecutter_command_renders(tmp_path: Path) -> None:
    for arguments in calls_of(".venv/bin/cookiecutter"):
        copied = arguments.copy()
        copied[copied.index("--output-dir") + 1] = str(tmp_path / "out")
        command = (sys.executable, "-m", "cookiecutter", "--overwrite-if-exists", *copied)
        done = execute(*command, folder=ROOT)
        assert done.returncode == 0, done.stdout
        assert (tmp_path / "out" / "my-service" / "pyproject.toml").exists()


@pytest.mark.parametrize("page", PAGES)
def test_every_path_exists(page: str) -> None:
    text = BLOCK.sub("", read(page))
    paths = set(PATH.findall(text))
    assert paths
    missing = {
        path
        for path in paths - ONLY_IN_RENDERS
        if not any((base / path).exists() for base in (ROOT, TEMPLATE))
    }
    assert missing == set()


def test_claude_reads_the_same_page() -> None:
    """A checkout on Windows may have the link as a file with the target's name."""
    assert read("CLAUDE.md") in {read("AGENTS.md"), "AGENTS.md"}
