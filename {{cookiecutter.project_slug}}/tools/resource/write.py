"""Writes a resource: all files, or none if a file exists with other content."""

from pathlib import Path

from tools.resource.names import Refused
from tools.resource.parse import Resource
from tools.resource.register import registered
from tools.resource.render import files


def write(root: Path, resource: Resource) -> list[Path]:
    """Writes the resource and returns the paths of new and changed files."""
    return write_files(root, files(root, resource), registered(root, resource))


def write_files(root: Path, texts: dict[Path, str], changed: dict[Path, str]) -> list[Path]:
    for path, text in texts.items():
        file = root / path
        if file.exists() and (not file.is_file() or file.read_text(encoding="utf-8") != text):
            raise Refused(
                f"{path.as_posix()} already exists with other content: edit it by hand, move it away, "
                "or choose another name"
            )
    for path in changed:
        try:
            (root / path).open("r+b").close()
        except OSError as error:
            raise Refused(f"{path.as_posix()} cannot be written: {error.strerror}") from error
    new = {path: text for path, text in texts.items() if not (root / path).exists()}
    new |= changed
    for path, text in new.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text, encoding="utf-8", newline="\n")
    return [*new]
