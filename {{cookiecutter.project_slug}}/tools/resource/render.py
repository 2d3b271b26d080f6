"""Renders the files of a resource, formatted and linted."""

import re
import subprocess
import sys
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from alembic.script import ScriptDirectory
from alembic.util import rev_id
from mako.template import Template

from tools.resource import columns, factories, samples
from tools.resource.fields import Field, quoted
from tools.resource.kinds import TIMES
from tools.resource.names import TEMPLATES, Refused, article
from tools.resource.parse import Resource

MIGRATIONS = Path("app", "db", "migrations")
# Some imported modules do not exist yet, so ruff could not recognize them as first-party.
OURS = ("--config", 'lint.isort.known-first-party = ["app", "tests"]')


OWNED = {
    Path("app", "db", "owned.py"): "owned/table",
    Path("app", "db", "sql", "owned.py"): "owned/repository",
    Path("app", "repositories", "owned.py"): "owned/interface",
    Path("tests", "db", "test_owned.py"): "owned/test",
}


def own_files(plural: str, *, has_fake: bool) -> dict[Path, str]:
    """Returns the resource's own files, except for its revision, with their templates."""
    module = f"{plural}.py"
    return {
        Path("app", "schemas", module): "schemas",
        Path("app", "repositories", module): "interface",
        Path("app", "db", "tables", module): "table",
        Path("app", "db", "sql", module): "repository",
        Path("app", "api", "routes", module): "routes",
        **({Path("tests", "fakes", module): "fake"} if has_fake else {}),
        Path("tests", "factories", module): "factory",
        Path("tests", "api", f"test_{module}"): "test",
    }


def files(root: Path, resource: Resource) -> dict[Path, str]:
    """Returns all files of a resource with their text, but no changed lines of other files."""
    path, revision = revision_of(root, f"create_{resource.plural}")
    text = rendered(TEMPLATES / "revision.py.mako", _words(root, resource) | revision)
    shared = _texts(root, resource, OWNED) if resource.owned else {}
    return {**own_texts(root, resource), **shared, path: tidy(root, path, text)}


def own_texts(root: Path, resource: Resource) -> dict[Path, str]:
    """Returns the resource's own files with their text, except for its revision."""
    return _texts(root, resource, own_files(resource.plural, has_fake=resource.has_fake))


def _texts(root: Path, resource: Resource, templates: dict[Path, str]) -> dict[Path, str]:
    variables = _words(root, resource)
    texts = {
        path: rendered(TEMPLATES / f"{name}.py.mako", variables) for path, name in templates.items()
    }
    return {path: tidy(root, path, text) for path, text in texts.items()}


def tidy(root: Path, path: Path, text: str, *only: str) -> str:
    """Lints and formats like `make format`, which removes unused imports of the templates."""
    name = str(path)
    lint = ("check", "--fix-only", "--quiet", *OURS, *only, "--stdin-filename", name, "-")
    for arguments in (lint, ("format", "--stdin-filename", name, "-")):
        command = [sys.executable, "-m", "ruff", *arguments]
        done = subprocess.run(
            command, input=text, cwd=root, check=False, capture_output=True, encoding="utf-8"
        )
        if done.returncode:
            raise Refused(f"ruff rejects {name}: {' '.join(done.stderr.split())}")
        text = done.stdout
    return text


def rendered(path: Path, variables: dict[str, object]) -> str:
    template = Template(filename=str(path))  # noqa: S702 - does not render HTML
    text: str = template.render(**variables)
    return text


def _words(root: Path, resource: Resource) -> dict[str, object]:
    """Returns the variables and functions of the templates."""
    has_fakes = (root / "tests" / "fakes" / "store.py").is_file()
    fields, links = resource.fields, resource.links
    listed = [(rows, field, to) for rows in resource.lists for field, to in rows.references]
    filtered = [field for field in fields if field.filter]
    distinct = factories.distinct(resource)
    sorts = ["created_at", *(field.key for field in fields if field.is_sorted)]
    return {
        **{name: getattr(columns, name) for name in ("check", "in_revision", "mapped", "related")},
        "lowered": columns.lowered,
        **{name: getattr(samples, name) for name in ("another", "answered", "example")},
        **{name: getattr(samples, name) for name in ("can_differ", "changed", "one", "wrong")},
        "numbered": lambda field: factories.numbered(field, distinct),
        "lower_and_upper": samples.lower_and_upper,
        "quoted": quoted,
        "among": _among,
        "uq": partial(columns.unique_name, resource),
        "columns": columns,
        "name": resource.name,
        "a_name": f"{article(resource.name)}_{resource.name}",
        "plural": resource.plural,
        "client": "client" if resource.targets or resource.keys else "",
        "words": resource.plural.replace("_", " "),
        "entity": resource.entity,
        "url": resource.url,
        "fields": fields,
        "public": [field for field in fields if not field.private],
        "private": [field for field in fields if field.private],
        "keys": resource.keys,
        "references": resource.references,
        "on_delete": [
            (attribute, names)
            for attribute, rule in (("cascades", "CASCADE"), ("nulls", "SET NULL"))
            if (
                names := [
                    *(field.name for field, _ in resource.keys if field.on_delete == rule),
                    *(
                        f"{rows.name}.{field.name}"
                        for rows, field, _ in listed
                        if field.on_delete == rule
                    ),
                ]
            )
        ],
        "of_rule": lambda rule: [key for key in resource.references if key[0].on_delete == rule],
        "to_itself": [field for field in fields if field.to_itself],
        "links": links,
        "lists": resource.lists,
        "listed": listed,
        "targets": resource.targets,
        # Without fakes every test runs on the database and needs no mark.
        "in_database": has_fakes and not resource.has_fake,
        "once": (root / "app" / "api" / "idempotency.py").is_file(),
        "owned": resource.owned,
        "of_user": ".of(user)" if resource.owned else "",
        "user": "user: CurrentUser, " if resource.owned else "",
        "own_references": [field for field, to in resource.references if to.owned],
        "unique": [field for field in fields if field.unique],
        "together": resource.together,
        "may_be_same": [
            both
            for both in [*([field] for field in fields if field.unique), *resource.together]
            if not any(field.to for field in both)
        ],
        "required": [field for field in fields if not field.optional and not field.default],
        "defaulted": [
            field for field in fields if not field.private and (field.optional or field.default)
        ],
        "changes": [
            (field.key, *values)
            for field in fields
            if not (field.to or field.private)
            for values in _changes(field)
        ],
        "chosen": [field for field in filtered if field.kind in {"bool", "email", "array", "enum"}],
        "empty": [field for field in filtered if field.kind == "str" and field.optional],
        "filtered": filtered,
        "ranged": [field for field in fields if field.ranges],
        "arrays": [(field, field.element) for field in fields if field.element],
        "found_by": [field for field in filtered if not field.to_itself],
        "matching": [
            *(_match(field) for field in filtered),
            *(_is_within(field, *limit) for field in fields for limit in field.ranges),
            *(
                f"(query.{each.key} is None or query.{each.key} in row.{each.keys})"
                for each in links
            ),
        ],
        "times": TIMES,
        "exact": [field.key for field in fields if field.is_sorted and field.kind == "decimal"],
        "sorts": ", ".join(quoted(f"{sign}{sort}") for sort in sorts for sign in ("", "-")),
    }


def _among(keys: list[str]) -> str:
    """Returns a condition that matches any of the keys."""
    listed = ", ".join(map(quoted, keys))
    return "in {" + listed + "}" if len(keys) > 1 else f"== {listed}"


def _match(field: Field) -> str:
    filter_, value = f"query.{field.filter}", f"row.{field.key}"
    if field.is_one_of_several:
        return f"(not {filter_} or {value} in {filter_})"
    if field.element:
        elements = f"({value} or ())" if field.optional else value
        return f"({filter_} is None or {filter_} in {elements})"
    if field.nocase and field.kind != "str":
        equal = f"{filter_}.encode().lower() == {value}.encode().lower()"
        guard = f"{value} is not None and " if field.optional else ""
        return f"({filter_} is None or ({guard}{equal}))"
    if field.kind != "str":
        return f"({filter_} is None or {filter_} == {value})"
    found = f"{filter_} in {value}"
    matches = f"({value} is not None and {found})" if field.optional else found
    return f"({filter_} is None or {matches})"


def _is_within(field: Field, parameter: str, sign: str) -> str:
    bound, value = f"query.{parameter}", f"row.{field.key}"
    guard = f"{value} is not None and " if field.optional else ""
    return f"({bound} is None or ({guard}{value} {sign} {bound}))"


def _changes(field: Field) -> list[tuple[str, str]]:
    """Returns pairs of values before and after a change."""
    one, another = samples.one(field), samples.another(field)
    return [(one, another), (another, "None")] if field.optional else [(one, another)]


def revision_of(root: Path, slug: str) -> tuple[Path, dict[str, object]]:
    """Returns path and ids of the existing revision with this name, or else of a new one.

    Ignores a revision whose table a later revision drops.
    """
    name = rf"[0-9]+_({slug}|{slug.replace('create', 'drop', 1)})_[^_]+"
    for script in _revisions(root).walk_revisions():  # newest first
        path = Path(script.path)
        if found := re.fullmatch(name, path.stem):
            if found[1] != slug:
                break
            return MIGRATIONS / "versions" / path.name, {
                "revision": script.revision,
                "down_revision": script.down_revision,
            }
    return next_revision(root, slug)


def _revisions(root: Path) -> ScriptDirectory:
    return ScriptDirectory(root / MIGRATIONS)


def must_be_new(root: Path, text: str) -> None:
    """Raises `Refused` if the newest revision does the same."""
    for head in _revisions(root).get_revisions("heads"):
        last = Path(head.path)
        body = last.read_text(encoding="utf-8").partition("def upgrade")[2]
        if body == text.partition("def upgrade")[2]:
            raise Refused(
                f"the newest revision, {last.name}, already does this: delete it if it is left over "
                "from an earlier attempt"
            )


def next_revision(root: Path, slug: str) -> tuple[Path, dict[str, object]]:
    """Returns path and ids of a new revision after the newest."""
    heads = _revisions(root).get_heads()
    if len(heads) > 1:
        raise Refused(
            f"there are {len(heads)} newest revisions: join them with make migration-merge"
        )
    revision = rev_id()
    name = f"{datetime.now(UTC):%Y%m%d}_{slug}_{revision}.py"
    return MIGRATIONS / "versions" / name, {
        "revision": revision,
        "down_revision": heads[0] if heads else None,
    }
