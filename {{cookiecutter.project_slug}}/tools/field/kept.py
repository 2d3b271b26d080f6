"""What a release after this one drops: `KEPT` of app/db/autogenerate.py."""

import re
from collections.abc import Collection
from pathlib import Path

from tools.resource.names import Refused
from tools.resource.render import tidy

PATH = Path("app", "db", "autogenerate.py")
KEPT = re.compile(r"(?<=^KEPT: frozenset\[str\] = frozenset\()(\{[^{}]*\})?(?=\))", re.MULTILINE)


def kept(root: Path) -> set[str]:
    return {*re.findall(r'"([^"]*)"', _found(root)[0])}


def with_kept(root: Path, more: Collection[str], less: Collection[str]) -> dict[Path, str]:
    """The file with other names in it; all else that somebody has written there stays."""
    if not more and not less:
        return {}
    found = _found(root)
    names = found[0].strip("{}").rstrip().removesuffix(",")
    for name in less:
        names = re.sub(rf'\s*"{re.escape(name)}"(,|$)', "", names)
    quoted = ", ".join(f'"{name}"' for name in sorted(more))
    names = ", ".join(part for part in (names, quoted) if part.strip())
    text = found.string[: found.start()] + (f"{{{names}}}" if names else "") + found.string[found.end() :]
    return {PATH: tidy(root, PATH, text, "--select", "I")}


def _found(root: Path) -> re.Match[str]:
    text = (root / PATH).read_text(encoding="utf-8")
    if found := KEPT.search(text):
        return found
    raise Refused(
        f"{PATH.as_posix()} has no line `KEPT: frozenset[str] = frozenset({{...}})`, in which the "
        "columns of the release before are listed: write it there"
    )
