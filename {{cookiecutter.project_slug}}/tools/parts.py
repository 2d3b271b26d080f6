"""Writes a part of the service: all files, or none if a file exists with other content."""

import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from tools.resource.names import Refused
from tools.resource.register import Line, with_lines
from tools.resource.render import rendered, revision_of, tidy
from tools.resource.write import write_files


class Part(NamedTuple):
    # Folder of the templates: each has the path of its file; `revision.py.mako` is the revision.
    templates: Path
    revision: str
    lines: dict[str, list[Line]]
    # Lines for files that a team may have deleted or rewritten.
    optional: dict[str, list[Line]]
    dependencies: tuple[str, ...]
    # Files that are written only if another file exists.
    where: dict[Path, Path] = {}  # noqa: RUF012 - a NamedTuple's default, never changed
    needs_services: bool = True


def write(root: Path, part: Part) -> list[Path]:
    """Writes the part and returns the paths of new and changed files."""
    texts = {
        path.relative_to(part.templates).with_suffix(""): rendered(path, {})
        for path in part.templates.rglob("*/*.mako")
    }
    path, variables = revision_of(root, part.revision)
    texts[path] = rendered(part.templates / "revision.py.mako", variables)
    services = Path("app", "services", "__init__.py")
    if part.needs_services and not (root / services).exists():
        texts[services] = ""
    texts = {
        path: tidy(root, path, text) if path.suffix == ".py" else text
        for path, text in texts.items()
        if (root / part.where.get(path, "")).exists()
    }
    lines = {
        name: lines for name, lines in part.optional.items() if _has_locations(root / name, lines)
    }
    return write_files(root, texts, with_lines(root, part.lines | lines))


def _has_locations(path: Path, lines: list[Line]) -> bool:
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    return all(re.search(pattern, text, re.MULTILINE) for _, pattern in lines)


def run(part: Part) -> None:
    root = Path.cwd()
    try:
        written = write(root, part)
    except Refused as reason:
        sys.exit(f"Nothing was written: {reason}.")
    for path in written:
        print(path.as_posix())
    command = ["uv", "add", "--quiet", *part.dependencies]
    if written and part.dependencies and subprocess.run(command, check=False).returncode:
        dependencies = " ".join(map(repr, part.dependencies))
        sys.exit(f"The dependencies could not be added. Run: uv add {dependencies}")
    print("Next: review it, then run make check" if written else "Nothing to do: it already exists")
