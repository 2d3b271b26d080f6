"""The content of renders."""

import json
import re
import tomllib
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.version import Version

from tests.conftest import (
    QUESTIONS,
    RENDERS,
    ROOT,
    TEMPLATE,
    VERSION,
    Bake,
    Service,
    contents,
    each_render,
    variant_id,
)
from tests.test_spelling import STAYS_ASYNC

# Words that only one choice may contain.
WORDS = {
    ("database", "sqlite"): r"sqlite(?!mRepository)|pragma|\bwal\b",
    ("database", "postgres"): r"postgres|psycopg|\bpg_|\bpg\b",
    ("concurrency", "async"): r"async|await|greenlet|\baio",
    ("concurrency", "sync"): r"\bthreads\b",
    ("ci", "github"): r"github(?!\.com)",
    ("ci", "gitlab"): r"gitlab",
}


def lines(service: Service) -> list[tuple[str, int, str]]:
    """Returns all lines except those of .cruft.json."""
    return [
        (path.relative_to(service.path).as_posix(), number, line)
        for path in service.files()
        if path.name != ".cruft.json"
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
    ]


# The copy from SQLite.
LEAVES_SQLITE = {f"tools/{name}.py" for name in ("copy_data", "ends", "inserts", "rows")}


@each_render
def test_nothing_of_the_template_remains(rendered: Bake, answers: dict[str, str]) -> None:
    """Except the table with the version."""
    service = rendered(**answers)
    # GitHub's expressions and Grafana's legends have double braces too.
    jinja = re.compile(r"(?<!\$)\{\{(?!\w+\}\})|\{%|%\}|\{#|cookiecutter")
    found = [line[2] for line in lines(service) if jinja.search(line[2])]
    assert found == ["[tool.cookiecutter-fastapi-service]"]
    assert [path for path in service.files() if "{" in path.name] == []


@each_render
def test_nothing_of_another_answer_remains(rendered: Bake, answers: dict[str, str]) -> None:
    service = rendered(**answers)
    for (question, answer), word in WORDS.items():
        if answers[question] == answer:
            continue
        found = [
            line
            for line in lines(service)
            if re.search(word, f"{line[0]} {line[2]}", re.IGNORECASE)
            and not (answer == "async" and line[0] in STAYS_ASYNC)
            and not (answer == "sqlite" and line[0] in LEAVES_SQLITE)
        ]
        assert found == [], f"{answer} is left in a {variant_id(answers)} service"


@each_render
def test_nothing_looks_generated(rendered: Bake, answers: dict[str, str]) -> None:
    service = rendered(**answers)
    for path in service.files():
        text = path.read_text(encoding="utf-8")
        where = path.relative_to(service.path).as_posix()
        assert text == "" or text.endswith("\n"), f"{where} does not end with a newline"
        assert not text.endswith("\n\n"), f"{where} ends with an empty line"
        assert not text.startswith("\n"), f"{where} starts with an empty line"
        assert not re.search(r"[ \t]\n", text), f"{where} has trailing white space"
        if path.suffix in {".yml", ".yaml"}:
            gap = re.search(r"^( *)\S+:\n\n\1 ", text, re.MULTILINE)
            assert not gap, f"{where} has an empty line between a key and its value"
        text = re.sub(r"```python\n.*?\n```", "code", text, flags=re.DOTALL)
        allowed = 2 if path.suffix in {".py", ".mako"} else 1
        prose = re.sub(r"```python\n.*?```", "code", text, flags=re.DOTALL)
        assert "\n" * (allowed + 2) not in prose, f"{where} has too many empty lines in a row"
        if text == "":
            assert path.name == "__init__.py", f"{where} is empty"
    folders = [path for path in service.path.rglob("*") if path.is_dir()]
    assert [folder for folder in folders if not any(folder.iterdir())] == []


@each_render
def test_every_configuration_file_can_be_read(rendered: Bake, answers: dict[str, str]) -> None:
    service = rendered(**answers)
    readers: dict[str, Any] = {".toml": tomllib.loads, ".json": json.loads}
    readers |= {".yml": yaml.safe_load, ".yaml": yaml.safe_load}
    readable = [path for path in service.files() if path.suffix in readers]
    assert {"pyproject.toml", ".pre-commit-config.yaml"} <= {path.name for path in readable}
    for path in readable:
        assert readers[path.suffix](path.read_text(encoding="utf-8")), path


@each_render
def test_two_renders_of_the_same_answers_are_the_same(bake: Bake, answers: dict[str, str]) -> None:
    assert contents(bake(**answers).path) == contents(bake(**answers).path)


@pytest.mark.parametrize(
    ("answer", "file"),
    [("github", ".github/workflows/ci.yml"), ("gitlab", ".gitlab-ci.yml")],
)
def test_only_the_chosen_ci_is_there(rendered: Bake, answer: str, file: str) -> None:
    assert {ci for ci in QUESTIONS["ci"] if (rendered(ci=ci).path / file).exists()} == {answer}


def test_no_two_choices_render_the_same_service(rendered: Bake) -> None:
    def content(answers: dict[str, str]) -> frozenset[tuple[str, int, str]]:
        return frozenset(lines(rendered(**answers)))

    assert len({content(answers) for answers in RENDERS}) == len(RENDERS)


def test_every_dependency_has_an_upper_bound(rendered: Bake) -> None:
    for answers in RENDERS:
        project = tomllib.loads(rendered(**answers).read("pyproject.toml"))
        requirements = [*project["project"]["dependencies"], *project["dependency-groups"]["dev"]]
        assert [one for one in requirements if not re.search(r">=[\d.]+,<\d", one)] == []


def test_less_than_3_percent_of_python_lines_are_jinja() -> None:
    source = [
        line
        for path in TEMPLATE.rglob("*.py*")
        for line in path.read_text(encoding="utf-8").splitlines()
        if re.search(r"\.py(\{|$)", path.name)
    ]
    jinja = [line for line in source if re.search(r"\{\{|\{%", line)]
    assert len(jinja) / len(source) < 0.03


def test_the_newest_changelog_entry_has_this_version() -> None:
    """And each entry has upgrade instructions."""
    entries = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8").split("\n## ")[1:]
    released = [entry for entry in entries if not entry.startswith("Unreleased\n")]
    assert released[0].startswith(f"{VERSION} (")
    assert [entry.split()[0] for entry in entries if "\n### Upgrading\n\n" not in entry] == []


@each_render
def test_a_service_records_the_templates_version(rendered: Bake, answers: dict[str, str]) -> None:
    tools = tomllib.loads(rendered(**answers).read("pyproject.toml"))["tool"]
    assert tools["cookiecutter-fastapi-service"] == {"version": VERSION}


def test_requirements_txt_is_within_the_ranges_of_pyproject() -> None:
    locked = dict(
        re.findall(r"^([\w-]+)==([\w.]+)", (ROOT / "requirements.txt").read_text(), re.MULTILINE)
    )
    requirements = tomllib.loads((ROOT / "pyproject.toml").read_text())["dependency-groups"]["dev"]
    for requirement in map(Requirement, requirements):
        assert requirement.specifier.contains(locked[requirement.name]), requirement


@each_render
def test_dependencies_below_1_0_are_pinned_to_a_minor_version(
    rendered: Bake, answers: dict[str, str]
) -> None:
    """Before 1.0, a minor version may contain breaking changes."""
    own = (ROOT / "pyproject.toml").read_text()
    for project in map(tomllib.loads, (own, rendered(**answers).read("pyproject.toml"))):
        requirements = (
            project["project"].get("dependencies", []) + project["dependency-groups"]["dev"]
        )
        for requirement in map(Requirement, requirements):
            versions = requirement.specifier
            (oldest,) = (Version(one.version) for one in versions if one.operator == ">=")
            assert oldest.major or not versions.contains(f"0.{oldest.minor + 1}"), requirement
