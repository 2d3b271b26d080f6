"""Renders from a URL, a path, a zip, a config file, a replay or cruft give the same service."""

import json
import os
import re
import shutil
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import (
    CRUFT,
    QUESTIONS,
    ROOT,
    TEMPLATE,
    Service,
    Template,
    contents,
    cookiecutter,
    execute,
    render,
)

ANSWERS = ("project_name=Orders", "database=postgres", "concurrency=sync", "setup=files")


def files(folder: Path) -> dict[str, bytes]:
    """Returns the rendered files without the cruft record."""
    return {name: content for name, content in contents(folder).items() if name != ".cruft.json"}


def record(folder: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((folder / ".cruft.json").read_text(encoding="utf-8"))
    return content


@pytest.fixture
def expected(tmp_path: Path) -> dict[str, bytes]:
    render(tmp_path / "expected", *ANSWERS)
    return files(tmp_path / "expected" / "orders")


def head(template: Template) -> str:
    output = execute("git", "rev-parse", "HEAD", folder=template.path).stdout
    return output.strip()


def test_a_git_url_with_a_checkout(
    tmp_path: Path, template: Template, expected: dict[str, bytes]
) -> None:
    template.git("tag", "v1")
    commit = head(template)
    template.release(("README.md", "## Tests\n", "## Later\n"))
    url = f"file://{template.path}"
    render(tmp_path, "--checkout", "v1", *ANSWERS, template=f"git+{url}")
    assert files(tmp_path / "orders") == expected
    assert record(tmp_path / "orders") == {
        "template": url,
        "commit": commit,
        "checkout": "v1",
        "context": {
            "cookiecutter": {
                "project_name": "Orders",
                "project_slug": "orders",
                "description": QUESTIONS["description"],
                "author_name": QUESTIONS["author_name"],
                "author_email": QUESTIONS["author_email"],
                "database": "postgres",
                "concurrency": "sync",
                "ci": "github",
                "setup": "files",
                "_template": url,
                "_commit": commit,
            }
        },
        "directory": None,
    }


@pytest.mark.parametrize(
    ("origin", "recorded"),
    [
        ("https://me:secret@example.com/org/repo.git", "https://example.com/org/repo.git"),
        ("https://secret@example.com/repo.git", "https://example.com/repo.git"),
        ("https://me:se@cret@example.com/repo.git", "https://example.com/repo.git"),
        ("https://example.com/repo.git?token=secret", "https://example.com/repo.git"),
        ("git@example.com:org/repo.git", "git@example.com:org/repo.git"),
        ("ssh://git@example.com/repo.git", "ssh://git@example.com/repo.git"),
        ("ssh://me:secret@example.com/repo.git", "ssh://me@example.com/repo.git"),
    ],
)
def test_the_recorded_url_has_no_secret(
    tmp_path: Path, template: Template, origin: str, recorded: str
) -> None:
    template.git("remote", "add", "origin", origin)
    template.git("update-ref", "refs/remotes/origin/main", "HEAD")
    render(tmp_path, *ANSWERS, template=template.path)
    assert record(tmp_path / "orders")["template"] == recorded


def test_an_unpushed_commit_is_recorded_with_its_path(tmp_path: Path, template: Template) -> None:
    template.git("remote", "add", "origin", "https://example.com/repo.git")
    (template.path / "new").write_text("not committed")
    output = render(tmp_path, "--checkout", "nothing", *ANSWERS, template=template.path)
    assert record(tmp_path / "orders")["template"] == str(template.path)
    assert record(tmp_path / "orders")["checkout"] is None
    assert (
        f".cruft.json names the last commit of {template.path}, which has uncommitted changes"
        in output
    )


def test_a_relative_path(tmp_path: Path, template: Template, expected: dict[str, bytes]) -> None:
    options = ("--no-input", *ANSWERS)
    for start in (str(tmp_path), str(tmp_path / "expected"), ""):  # a wrong PWD is ignored
        done = cookiecutter(*options, template="template", folder=tmp_path, PWD=start)
        assert done.returncode == 0, done.stdout
        assert files(tmp_path / "orders") == expected
        assert record(tmp_path / "orders")["template"] == str(template.path)
        shutil.rmtree(tmp_path / "orders")


def test_a_zip(tmp_path: Path, template: Template, expected: dict[str, bytes]) -> None:
    archive = tmp_path / "template.zip"
    template.git("archive", "--prefix=template-1/", "--output", str(archive), "HEAD")
    output = render(tmp_path, *ANSWERS, template=archive)
    assert files(tmp_path / "orders") == expected
    assert not (tmp_path / "orders" / ".cruft.json").exists()
    assert "No .cruft.json" in output
    assert f"later: cd {tmp_path}/orders && uvx cruft link URL-OF-THE-TEMPLATE\n" in output


def test_a_config_file_with_a_teams_defaults(tmp_path: Path, expected: dict[str, bytes]) -> None:
    config = tmp_path / "team.yaml"
    defaults = "".join(f"  {answer.replace('=', ': ')}\n" for answer in ANSWERS)
    config.write_text(f"default_context:\n{defaults}replay_dir: {tmp_path / 'replay'}\n")
    render(tmp_path, "--config-file", str(config))
    assert files(tmp_path / "orders") == expected


def test_a_replay_of_the_last_answers(tmp_path: Path, expected: dict[str, bytes]) -> None:
    config = tmp_path / "config.yaml"
    config.write_text(f"replay_dir: {tmp_path / 'replay'}\n")
    options = ("--config-file", str(config))
    render(tmp_path / "first", *options, *ANSWERS)
    done = cookiecutter("--replay", *options, "--output-dir", str(tmp_path / "second"))
    assert done.returncode == 0, done.stdout
    assert contents(tmp_path / "second") == contents(tmp_path / "first")
    (saved,) = (tmp_path / "replay").iterdir()
    done = cookiecutter("--replay-file", str(saved), "--output-dir", str(tmp_path / "third"))
    assert done.returncode == 0, done.stdout
    assert contents(tmp_path / "third") == contents(tmp_path / "first")
    assert files(tmp_path / "third" / "orders") == expected


def test_a_replay_of_answers_to_an_older_template_renders_the_new_one(tmp_path: Path) -> None:
    answers = {"project_name": "Old", "project_slug": "old", "setup": "files"}
    saved = tmp_path / "old.json"
    saved.write_text(json.dumps({"cookiecutter": {**answers, "_version": "0.0.1"}}))
    options = ("--replay-file", str(saved), "--output-dir", str(tmp_path))
    done = cookiecutter(*options, stdin="\n" * 9)
    assert done.returncode == 0, done.stdout
    service = Service(tmp_path / "old", answers)
    assert (
        version_of(service)
        == tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    )


def version_of(service: Service) -> str:
    tools = tomllib.loads(service.read("pyproject.toml"))["tool"]
    version: str = tools["cookiecutter-fastapi-service"]["version"]
    return version


def test_cruft_create(tmp_path: Path, template: Template, expected: dict[str, bytes]) -> None:
    context = json.dumps(dict(answer.split("=") for answer in ANSWERS))
    create = (*CRUFT, "create", str(template.path), "--no-input")
    done = execute(*create, "--extra-context", context, folder=tmp_path)
    assert done.returncode == 0, done.stdout
    assert files(tmp_path / "orders") == expected
    assert record(tmp_path / "orders")["commit"] == head(template)


def test_without_the_hooks_an_async_service_is_complete(tmp_path: Path) -> None:
    answers = (*ANSWERS[:2], "concurrency=async", "setup=files")
    render(tmp_path / "with", *answers)
    render(tmp_path / "without", *answers, "--accept-hooks", "no")
    assert files(tmp_path / "without" / "orders") == files(tmp_path / "with" / "orders")


@pytest.mark.parametrize("module", ["app", "app.main", "app.db.session"])
def test_without_the_hooks_a_sync_service_refuses_to_start(tmp_path: Path, module: str) -> None:
    render(tmp_path, *ANSWERS, "--accept-hooks", "no")
    done = execute(sys.executable, "-m", module, folder=tmp_path / "orders")
    assert done.returncode != 0
    assert "This service is half rendered: render it again with the hooks" in done.stdout


def rendered_elsewhere(folder: Path, **variables: str) -> dict[str, bytes]:
    """Renders in another process, as on another machine."""
    old = os.umask(0o077)
    try:
        render(folder, *ANSWERS, **variables)
    finally:
        os.umask(old)
    return contents(folder)


def test_a_render_is_the_same_on_any_machine_and_day(tmp_path: Path) -> None:
    render(tmp_path / "here", *ANSWERS)
    here = contents(tmp_path / "here")
    plain = {"LC_ALL": "C", "LANG": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    assert rendered_elsewhere(tmp_path / "c", **plain, PYTHONHASHSEED="1") == here
    turkish = {"LC_ALL": "tr_TR.UTF-8", "TZ": "Pacific/Kiritimati", "PYTHONHASHSEED": "2"}
    assert rendered_elsewhere(tmp_path / "tr", **turkish) == here


# The sources of a render.
SOURCES = [
    path
    for folder in (TEMPLATE, ROOT / "hooks", ROOT / "templates")
    for path in folder.rglob("*")
    if path.is_file()
]


def test_no_template_depends_on_time_or_randomness() -> None:
    """The extensions of cookiecutter: https://cookiecutter.readthedocs.io, template extensions."""
    texts = [path.read_text(encoding="utf-8") for path in SOURCES]
    jinja = "\n".join(re.findall(r"\{[{%].*?[%}]\}", "\n".join(texts), re.DOTALL))
    assert not re.search(r"\b(now|random_ascii_string|uuid4|random|shuffle)\b", jinja)


def test_every_source_has_unix_line_endings() -> None:
    assert "* text=auto eol=lf\n" in (ROOT / ".gitattributes").read_text(encoding="utf-8")
    assert [path for path in SOURCES if b"\r" in path.read_bytes()] == []
