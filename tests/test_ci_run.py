"""`.ci/run`, on a repository with trivial commands."""

import os
import shutil
from pathlib import Path

import pytest

from tests.conftest import IDENTITY, ROOT, execute

MAKEFILE = """
test:
	@echo "variables: $$(env | cut -d = -f 1 | sort | xargs)"
	@ls -A $$HOME
	@echo 3 passed
test-slow:
	{slow}
try:
	@touch readyz
	@exec python3 -m http.server $(PORT) --bind 127.0.0.1
"""


def run(folder: Path, slow: str) -> tuple[int, str]:
    (folder / ".ci").mkdir(parents=True)
    shutil.copy(ROOT / ".ci" / "run", folder / ".ci")
    (folder / "Makefile").write_text(MAKEFILE.format(slow=slow))
    for command in ("init -q", "add .", "commit -qm all"):
        assert execute("git", *command.split(), folder=folder, **IDENTITY).returncode == 0
    done = execute(str(folder / ".ci" / "run"), folder=folder, DATABASE_URL="mine")
    return done.returncode, done.stdout


def test_each_command_runs_without_the_variables_of_the_caller(tmp_path: Path) -> None:
    status, output = run(tmp_path, "@echo nothing")
    assert status == 0, output
    (variables,) = (line for line in output.splitlines() if line.startswith("variables: "))
    allowed = {"HOME", "LANG", "PATH", "TMPDIR"}
    of_the_shell = {"PWD", "OLDPWD", "SHLVL", "_"}
    of_make = {"MAKEFLAGS", "MAKELEVEL", "MAKE_TERMERR", "MAKE_TERMOUT", "MFLAGS"}
    assert allowed <= {*variables.split()[1:]} <= allowed | of_the_shell | of_make
    assert "3 passed\n" in output
    assert output.count("/readyz responds") == (2 if os.geteuid() == 0 else 1)


@pytest.mark.slow
def test_a_failed_command_and_a_leftover_process_are_reported(tmp_path: Path) -> None:
    status, output = run(tmp_path / "fails", "@echo FAILED one of them; echo a line; false")
    assert status == 1
    *_, summary, failed = output.splitlines()
    assert summary.startswith("== make test-slow: status 2 after ")
    assert failed == "FAILED one of them"
    assert "3 passed\n" in output
    assert "/readyz responds" in output
    status, output = run(tmp_path / "leaves", "setsid sleep 600 > /dev/null 2>&1 &")
    assert status == 1
    assert "sleep 600" in output.partition("leftover processes")[2]
