"""Runs tests/tools in rendered services."""

import shutil
from pathlib import Path

import pytest

from tests.conftest import Bake, each_choice

TESTS = Path(__file__).parent / "tools"
ONLY_ON = {"test_copy_data.py": "postgres"}


@pytest.mark.slow
@each_choice
def test_the_tools_pass_their_tests(bake: Bake, answers: dict[str, str]) -> None:
    service = bake(**answers)
    for test in TESTS.glob("*.py"):
        if ONLY_ON.get(test.name) in {None, answers["database"]}:
            shutil.copy(test, service.path / "tests" / "tools")
    service.run("uv", "sync")
    service.run("uv", "run", "ruff", "format", "--check")
    service.run("uv", "run", "ruff", "check")
    service.run("uv", "run", "mypy")
    service.run("uv", "run", "pytest", "tests/tools")
