"""What the tools share: how they write a file, and how they say no."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class Refused(Exception):
    """Nothing was done, or all of it undone; the message says why in a sentence."""


@contextmanager
def written(path: Path) -> Iterator[Path]:
    """Where to write: what is there takes the place of `path` at the end, if all went well."""
    part = path.with_name(f"{path.name}.part")
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        part.touch(mode=0o600, exist_ok=False)  # it holds all that the database holds
    except FileExistsError:
        raise Refused(
            f"{part} is there: somebody is writing it now, or was stopped in the middle and it "
            "can be deleted."
        ) from None
    try:
        yield part
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
