"""The files of a resource, as text that is formatted and linted."""

import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

from alembic.script import ScriptDirectory
from alembic.util import rev_id
from mako.template import Template

from tools.resource import columns, samples
from tools.resource.fields import Field, quoted
from tools.resource.names import TEMPLATES, Refused, article
from tools.resource.parse import Resource

MIGRATIONS = Path("app", "db", "migrations")
# ruff would look for the modules that are imported, some of which are not written yet.
OURS = ("--config", 'lint.isort.known-first-party = ["app", "tests"]')


def files(root: Path, resource: Resource) -> dict[Path, str]:
    """What a resource consists of, besides the lines that register it."""
    module = f"{resource.plural}.py"
    made = {
        Path("app", "schemas", module): "schemas",
        Path("app", "repositories", module): "interface",
        Path("app", "db", "tables", module): "table",
        Path("app", "db", "repositories", module): "repository",
        Path("app", "api", "routes", module): "routes",
        Path("tests", "fakes", module): "fake",
        Path("tests", "api", f"test_{module}"): "test",
    }
    known = _words(resource)
    texts = {path: _rendered(name, known) for path, name in made.items()}
    path, revision = _revision(root, resource)
    texts[path] = _rendered("revision", known | revision)
    return {path: tidy(root, path, text) for path, text in texts.items()}


def tidy(root: Path, path: Path, text: str, *only: str) -> str:
    """As `make format` leaves it. The templates import all that some resource needs."""
    name = str(path)
    lint = ("check", "--fix-only", "--quiet", *OURS, *only, "--stdin-filename", name, "-")
    for arguments in (lint, ("format", "--stdin-filename", name, "-")):
        command = [sys.executable, "-m", "ruff", *arguments]
        done = subprocess.run(
            command, input=text, cwd=root, check=False, capture_output=True, encoding="utf-8"
        )
        if done.returncode:
            raise Refused(f"{name} is not taken by ruff: {' '.join(done.stderr.split())}")
        text = done.stdout
    return text


def _rendered(name: str, known: dict[str, object]) -> str:
    template = Template(filename=str(TEMPLATES / f"{name}.py.mako"))  # noqa: S702 - not for HTML
    text: str = template.render(**known)
    return text


def _words(resource: Resource) -> dict[str, object]:
    """What the templates know."""
    fields = resource.fields
    filtered = [field for field in fields if field.filter]
    spared = [field for field in filtered if field.kind == "str" and not field.is_needed]
    sorts = ["created_at", *(field.key for field in fields if field.is_sorted)]
    return {
        **{name: getattr(columns, name) for name in ("check", "in_revision", "mapped")},
        **{name: getattr(samples, name) for name in ("another", "answered", "example")},
        **{name: getattr(samples, name) for name in ("is_numbered", "of_number")},
        **{name: getattr(samples, name) for name in ("one", "wrong")},
        "quoted": quoted,
        "name": resource.name,
        "a_name": f"{article(resource.name)}_{resource.name}",
        "plural": resource.plural,
        "client": "client" if resource.references else "",
        "words": resource.plural.replace("_", " "),
        "entity": resource.entity,
        "url": resource.url,
        "fields": fields,
        "references": resource.references,
        "targets": resource.targets,
        "unique": [field for field in fields if field.unique],
        "needed": [field for field in fields if field.is_needed],
        "required": [field for field in fields if not field.optional and not field.default],
        "defaulted": [
            field for field in fields if not field.is_needed and (field.optional or field.default)
        ],
        "changes": [
            (field.key, *values) for field in fields if not field.to for values in _changes(field)
        ],
        "chosen": [
            field for field in filtered if field.kind in {"bool", "enum"} or field in spared
        ],
        "empty": [field for field in spared if not field.default],
        "filtered": filtered,
        "matching": [f"(query.{field.filter} is None or {_match(field)})" for field in filtered],
        "sorts": ", ".join(quoted(f"{sign}{sort}") for sort in sorts for sign in ("", "-")),
    }


def _match(field: Field) -> str:
    if field.kind != "str":
        return f"query.{field.filter} == row.{field.key}"
    found = f"query.{field.filter} in row.{field.key}"
    return f"(row.{field.key} is not None and {found})" if field.optional else found


def _changes(field: Field) -> list[tuple[str, str]]:
    """Values before a change and after it."""
    one, another = samples.one(field), samples.another(field)
    return [(one, another), (another, "None")] if field.optional else [(one, another)]


def _revision(root: Path, resource: Resource) -> tuple[Path, dict[str, object]]:
    """The revision that creates the table, if it is there already, or else one after the last."""
    slug = f"create_{resource.plural}"
    for path in (root / MIGRATIONS / "versions").glob(f"*_{slug}_????????????.py"):
        text = path.read_text(encoding="utf-8")
        own, before = (
            re.search(rf'^{name}: .* = "(\w+)"$', text, re.MULTILINE)
            for name in ("revision", "down_revision")
        )
        if own:
            known = {"revision": own[1], "down_revision": before and before[1]}
            return path.relative_to(root), known
    heads = ScriptDirectory(root / MIGRATIONS).get_heads()
    if len(heads) > 1:
        raise Refused(f"there are {len(heads)} last revisions: merge them with alembic merge heads")
    known = {"revision": rev_id(), "down_revision": heads[0] if heads else None}
    name = f"{datetime.now(UTC):%Y%m%d}_{slug}_{known['revision']}.py"
    return MIGRATIONS / "versions" / name, known
