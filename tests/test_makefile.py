"""`make try`, with a stand-in for cookiecutter."""

import shutil
from pathlib import Path

import pytest

from tests.conftest import ROOT, execute

COOKIECUTTER = """#!/bin/sh
mkdir -p try/my-service/.venv
printf 'install:\\ncheck:\\n\\ttest -e green\\nrun:\\n\\t@echo serving\\n' > try/my-service/Makefile
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout with installed tools."""
    for name in ("Makefile", "requirements.txt"):
        shutil.copy(ROOT / name, tmp_path)
    program = tmp_path / ".venv" / "bin" / "cookiecutter"
    program.parent.mkdir(parents=True)
    program.write_text(COOKIECUTTER)
    program.chmod(0o755)
    (tmp_path / ".venv" / "installed").touch()
    return tmp_path


def test_make_try_serves_only_after_the_checks_pass(checkout: Path) -> None:
    for _ in range(2):  # the second run finds the rendered service
        failed = execute("make", "try", folder=checkout)
        assert failed.returncode != 0
        assert "Error 1" in failed.stdout
        assert "try/my-service is not ready" in failed.stdout
        assert "serving" not in failed.stdout
    (checkout / "try" / "my-service" / "green").touch()
    passed = execute("make", "try", folder=checkout)
    assert passed.returncode == 0
    assert "test -e green" in passed.stdout
    again = execute("make", "try", folder=checkout)
    assert "serving" in again.stdout
    assert "test -e green" not in again.stdout
