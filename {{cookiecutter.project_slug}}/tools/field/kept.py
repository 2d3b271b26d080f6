"""Edits `KEPT` of app/db/autogenerate.py: the names that a later release drops."""

import re
from collections.abc import Collection
from pathlib import Path

from tools.resource.names import Refused
from tools.resource.render import tidy

PATH = Path("app", "db", "autogenerate.py")
LISTED = re.compile(r"(?<=^KEPT: frozenset\[str\] = frozenset\()[^()]*(?=\))", re.MULTILINE)


def with_kept(root: Path, more: Collection[str], less: Collection[str]) -> dict[Path, str]:
    """Returns the file with names added and removed; all other code stays."""
    if not more and not less:
        return {}
    found = _found(root)
    names = found[0].strip().strip("{}")
    for name in less:
        names = re.sub(rf'"{re.escape(name)}"(,\s*|\s*$)', "", names)
    names = names.strip().removesuffix(",")
    both = ", ".join([*(f'"{name}"' for name in more), *([names] if names else [])])
    listed = "{" + both + "}" if both else ""
    text = found.string[: found.start()] + listed + found.string[found.end() :]
    return {PATH: tidy(root, PATH, text, "--select", "I")}


def _found(root: Path) -> re.Match[str]:
    text = (root / PATH).read_text(encoding="utf-8")
    if found := LISTED.search(text):
        return found
    raise Refused(
        f"{PATH.as_posix()} has no `KEPT: frozenset[str] = frozenset()`, which lists what the previous "
        "release still needs: add that line"
    )
