"""Atomic file writes and the error class of the tools."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class Refused(Exception):
    """The command was rejected or rolled back; the message is one sentence with the reason."""


@contextmanager
def written(path: Path) -> Iterator[Path]:
    """Yields a temporary file, which replaces `path` at the end unless the block raises."""
    part = path.with_name(f"{path.name}.part")
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        part.touch(mode=0o600, exist_ok=False)  # it contains all of the data
    except FileExistsError:
        raise Refused(
            f"{part} exists: another process is writing it, or one was interrupted. Delete it if no "
            "process is running."
        ) from None
    try:
        yield part
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
