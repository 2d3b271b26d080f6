"""Linters and consistency checks on untouched renders."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.conftest import ROOT, Bake, Service, each_render

NAMES = {
    "short": {"project_name": "x", "project_slug": "x"},
    "long": {"project_name": "Straße 道路 " * 20 + ".", "project_slug": "x" * 63},
    "cyrillic": {"project_name": "Служба заказов", "project_slug": "orders"},
    "joined": {"project_name": "👩\u200d💻 می\u200cخواهم 5\u00a0€", "project_slug": "desk"},
    "quoted": {"project_name": '"a" \'b\' \\ "c"', "project_slug": "a"},
}


def tool(name: str, *arguments: str, folder: Path) -> None:
    command = [str(Path(sys.executable).with_name(name)), *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@each_render
@pytest.mark.parametrize("names", NAMES.values(), ids=NAMES)
def test_a_render_passes_ruff(
    rendered: Bake, answers: dict[str, str], names: dict[str, str]
) -> None:
    service = rendered(**answers, **names)
    tool("ruff", "format", "--no-cache", "--check", folder=service.path)
    tool("ruff", "check", "--no-cache", folder=service.path)


def test_the_templates_workflow_is_valid_and_passes_zizmor() -> None:
    workflow = ".github/workflows/ci.yml"
    tool("zizmor", "--offline", "--persona=pedantic", workflow, folder=ROOT)
    tool("check-jsonschema", "--builtin-schema", "vendor.github-workflows", workflow, folder=ROOT)


def targets(makefile: str) -> set[str]:
    return set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))


def test_every_command_of_the_makefile_is_documented_and_has_a_line_of_help(
    rendered: Bake,
) -> None:
    service = rendered()
    known = targets(service.read("Makefile"))
    documented = re.findall(r"^\| `make ([a-z-]+)", service.read("docs/commands.md"), re.MULTILINE)
    assert {*documented, "help"} == known
    assert {line.split()[1] for line in service.run("make").splitlines()} == known


# Characters that are special to make or the shell.
ODD = "a$(touch${IFS}pwned)`touch${IFS}pwned`$HOME $$ '\"\\;#"
UV = """#!/bin/sh
printf '%s\\n' "$@"
"""


@pytest.mark.parametrize("names", ["to", "from", "from to", "m", "url", "name fields plural"])
def test_make_passes_arguments_unchanged(bake: Bake, tmp_path: Path, names: str) -> None:
    service = bake(database="postgres")
    uv = tmp_path / "bin" / "uv"
    uv.parent.mkdir()
    uv.write_text(UV)
    uv.chmod(0o755)
    commands = {
        "to": "backup",
        "from": "restore",
        "from to": "copy-data",
        "m": "migration",
        "url": "bench",
        "name fields plural": "resource",
    }
    arguments = [f"{name}={name} {ODD}" for name in names.split()]
    path = os.pathsep.join([str(uv.parent), os.environ["PATH"]])
    output = service.run("make", "--silent", commands[names], *arguments, PATH=path).splitlines()
    assert {line.partition("=")[2] for line in arguments} <= {*output}
    assert not (service.path / "pwned").exists()


def test_editor_settings_match_the_makefile(rendered: Bake) -> None:
    service = rendered()
    container = json.loads(service.read(".devcontainer/devcontainer.json"))
    commands = re.findall(r"make ([a-z-]+)", container["postCreateCommand"])
    assert {*commands} == {"install"} < targets(service.read("Makefile"))
    (python,) = re.findall(r"^FROM python:(\d+\.\d+)", service.read("Dockerfile"), re.MULTILINE)
    assert f"-{python}-" in container["image"]
    port = re.search(r"^# PORT=(\d+)$", service.read(".env.example"), re.MULTILINE)
    assert port
    assert container["forwardPorts"] == [int(port[1])]

    editor = json.loads(service.read(".vscode/settings.json"))
    tools = {name.split(".")[0] for name in editor} - {"[python]", "python"}
    named = {
        editor["[python]"]["editor.defaultFormatter"],
        *(f"ms-python.{tool}" for tool in tools),
    }
    assert named < {*json.loads(service.read(".vscode/extensions.json"))["recommendations"]}


def test_the_devcontainer_has_the_database_of_the_default_settings(rendered: Bake) -> None:
    service = rendered(database="postgres")
    container = json.loads(service.read(".devcontainer/devcontainer.json"))
    name = f".devcontainer/{container['dockerComposeFile']}"
    tool("check-jsonschema", "--builtin-schema", "vendor.compose-spec", name, folder=service.path)
    containers = yaml.safe_load(service.read(name))["services"]
    assert {container["service"], "database"} == containers.keys()
    image = json.loads(rendered().read(".devcontainer/devcontainer.json"))["image"]
    assert containers[container["service"]]["image"] == image
    deployed = yaml.safe_load(service.read("compose.yaml"))["services"]["database"]
    assert {key: containers["database"][key] for key in ("image", "volumes")} == {
        key: deployed[key] for key in ("image", "volumes")
    }
    database = containers["database"]["environment"]
    assert database["POSTGRES_DB"] == service.path.name
    url = "postgresql://postgres:{POSTGRES_PASSWORD}@localhost:5432/{{NAME}}"
    assert url.format(**database) in service.read("app/settings.py")


CODE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)#:]+)(?:#[^)]*)?\)")


def settings_of(service: Service) -> set[str]:
    settings = service.read("app/settings.py")
    return {name.upper() for name in re.findall(r"^    ([a-z_]+): .* = ", settings, re.MULTILINE)}


@each_render
def test_every_setting_is_documented(rendered: Bake, answers: dict[str, str]) -> None:
    service = rendered(**answers)
    known = settings_of(service)
    assert {"DATABASE_URL", "APP_ENV", "HOST", "PORT", "WORKERS", "LOG_LEVEL", "AUTH"} < known
    assert set(re.findall(r"^# ([A-Z_]+)=", service.read(".env.example"), re.MULTILINE)) == known
    table = service.read("docs/settings.md")
    documented = set(re.findall(r"`([A-Z_]+)`(?=[^|]*\|[^|]*\|[^|]*\|$)", table, re.MULTILINE))
    assert documented == known | {"TEST_DATABASE_URL", "OTEL_EXPORTER_OTLP_ENDPOINT"}


@each_render
def test_every_file_that_a_page_links_to_is_there(rendered: Bake, answers: dict[str, str]) -> None:
    service = rendered(**answers)
    pages = [service.path / "README.md", *(service.path / "docs").glob("*.md")]
    linked = {page: LINK.findall(CODE.sub("", page.read_text(encoding="utf-8"))) for page in pages}
    assert {"docs/" + page.name for page in pages[1:]} <= {*linked[pages[0]]}
    missing = [
        (page.name, name)
        for page, names in linked.items()
        for name in names
        if not (page.parent / name).exists()
    ]
    assert missing == []


@each_render
def test_the_readme_of_a_service_has_at_most_100_lines(
    rendered: Bake, answers: dict[str, str]
) -> None:
    assert rendered(**answers).read("README.md").count("\n") <= 100
