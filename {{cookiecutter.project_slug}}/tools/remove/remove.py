"""Removes a resource: all of it, or nothing while other code refers to it."""

import os
import subprocess
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from app.db.autogenerate import KEPT
from tools.remove.references import Names, may_refer, modules_of, names_of, references
from tools.remove.revision import drop, tables_of
from tools.remove.unregister import without_lines
from tools.resource.fields import Target
from tools.resource.names import Refused
from tools.resource.options import named
from tools.resource.register import lines_of
from tools.resource.render import OWNED, own_files, tidy
from tools.resource.write import write_files

LISTED = 8


@dataclass(frozen=True)
class Removal:
    deleted: list[Path]
    changed: dict[Path, str]
    created: dict[Path, str]


def removal(root: Path, name: str) -> Removal:
    """Returns the planned changes without writing them."""
    resource = named(root, name)
    paths = [*own_files(resource.plural, has_fake=True)]
    registrations = {
        Path(file): lines
        for file, lines in lines_of(resource, has_fake=True).items()
        if (root / file).is_file()
    }
    texts = {path: (root / path).read_text(encoding="utf-8") for path in registrations}
    remaining = {
        path: without_lines(text, registrations[path], blank=True) for path, text in texts.items()
    }
    tables = tables_of(root, resource.plural)
    _must_be_dropped(root, resource, [table.name for table in tables])
    found = references(
        root, names_of(resource, paths, [table.name for table in tables]), paths, remaining
    )
    if found:
        raise Refused(
            f"{resource.name} is still used at {_listed(found)}: change these lines first"
        )
    # The last resource whose rows belong to users takes the shared files with it.
    if resource.owned and not references(
        root, Names(modules_of(OWNED)), [*paths, *OWNED], remaining
    ):
        paths += OWNED
    deleted = [path for path in paths if (root / path).is_file()]
    _must_be_committed(root, deleted)
    changed = {
        path: tidy(root, path, rest, "--select", "I,RUF022")
        for path, text in texts.items()
        if (rest := without_lines(text, registrations[path])) != text
    }
    created = dict([drop(root, resource.plural, tables)]) if tables else {}
    return Removal(deleted, changed, created)


def _must_be_dropped(root: Path, resource: Target, tables: Collection[str]) -> None:
    """Raises `Refused` while columns of the resource, or references to it, wait to be dropped."""
    start = f"{resource.plural}."
    if own := sorted(name for name in KEPT if name.startswith(start)):
        words = " ".join(name.removeprefix(start) for name in own)
        raise Refused(
            f"a downgrade could not restore the columns {', '.join(own)}: drop them first, with "
            f'make field resource={resource.name} drop="{words}", make migration and make migrate'
        )
    for column in sorted(name for name in KEPT if "." in name):
        key = f"fk_{column.replace('.', '_')}"
        if key in KEPT and may_refer(root, key, tables):
            raise Refused(
                f"{column} still references it: finish dropping that column first, see docs/fields.md"
            )


def apply(root: Path, planned: Removal) -> list[str]:
    """Writes and deletes the files; returns a line for each."""
    write_files(root, planned.created, planned.changed)
    for path in planned.deleted:
        (root / path).unlink()
    return [
        *(f"created {path.as_posix()}" for path in planned.created),
        *(f"changed {path.as_posix()}" for path in planned.changed),
        *(f"deleted {path.as_posix()}" for path in planned.deleted),
    ]


def _listed(found: dict[str, list[int]]) -> str:
    locations = [f"{path}:{line}" for path, lines in found.items() for line in lines]
    more = f" and {len(locations) - LISTED} more" if len(locations) > LISTED else ""
    return ", ".join(locations[:LISTED]) + more


def _must_be_committed(root: Path, paths: Collection[Path]) -> None:
    """Raises `Refused` if git is used and does not have the files as they are."""
    names = [path.as_posix() for path in paths]
    status = ["git", "status", "--porcelain", "--ignored", "--untracked-files=all", "--", *names]
    try:
        done = subprocess.run(
            status,
            cwd=root,
            env=os.environ | {"LC_ALL": "C"},
            check=False,
            capture_output=True,
            encoding="utf-8",
        )
    except FileNotFoundError:
        return
    if done.returncode and "not a git repository" not in done.stderr:
        raise Refused(f"git status failed: {' '.join(done.stderr.split())}")
    if lines := done.stdout.splitlines():
        changed = ", ".join(line[3:] for line in lines)
        raise Refused(f"there are uncommitted changes in {changed}: commit them first")
