"""AGENTS.md of a service: its commands are run, its paths and targets exist."""

import re

import pytest

from tests.conftest import Bake, commit, default_choice, each_render

BLOCK = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)
PATH = re.compile(r"`((?:app|tests|tools|docs)/[\w./]*|[\w.]+\.(?:json|toml|lock|md|example))`")
ONLY_AFTERWARDS = {"app/services/", "uv.lock", ".cruft.json"}


@pytest.mark.slow
@default_choice
def test_its_commands_succeed_one_after_the_other(bake: Bake, answers: dict[str, str]) -> None:
    service = bake(**answers)
    commit(service, "First commit")
    (block,) = BLOCK.findall(service.read("AGENTS.md"))
    service.run("bash", "-ec", block)


@each_render
def test_what_it_names_is_there(rendered: Bake, answers: dict[str, str]) -> None:
    service = rendered(**answers)
    text = service.read("AGENTS.md")
    named = {*PATH.findall(text)} - ONLY_AFTERWARDS
    assert "app/repositories/errors.py" in named
    assert [path for path in named if not (service.path / path).exists()] == []
    targets = set(re.findall(r"^([a-z-]+):", service.read("Makefile"), re.MULTILINE))
    assert set(re.findall(r"\bmake ([a-z-]+)", text)) <= targets
    assert service.read("CLAUDE.md") == "@AGENTS.md\n"
