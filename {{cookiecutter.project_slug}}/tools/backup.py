"""Backup of the database in DATABASE_URL to one file, while it is in use, and restore."""

import sys
from argparse import ArgumentParser
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import URL, make_url

from app.db.migrate import head, outdated
from app.settings import read_settings
from tools.dumps import SUFFIX, dump, load, revision
from tools.files import Refused, written

FOLDER = Path("backups")


def main(arguments: Sequence[str] | None = None) -> None:
    parser = ArgumentParser(prog="python -m tools.backup", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    make = commands.add_parser("make", help="write a backup")
    make.add_argument("path", type=Path, nargs="?", help=f"by default a new file in {FOLDER}/")
    restore_ = commands.add_parser("restore", help="bring one back, into an empty database")
    restore_.add_argument("path", type=Path)
    given = parser.parse_args(arguments)

    url = make_url(read_settings().database_url.get_secret_value())
    try:
        print(backup(url, given.path) if given.command == "make" else restore(given.path, url))
    except (Refused, OSError) as error:
        sys.exit(f"Not done: {error}")


def backup(url: URL, path: Path | None = None) -> str:
    if revision(url) is None:
        raise Refused("the database has no tables of this service: is DATABASE_URL the right one?")
    path = path or FOLDER / f"{datetime.now(UTC):%Y-%m-%dT%H%M%SZ}{SUFFIX}"
    with written(path) as part:
        if path.exists():
            raise Refused(f"{path} is there already, and no backup is overwritten.")
        dump(url, part)
        size = part.stat().st_size
    return f"{path}: {size} bytes"


def restore(path: Path, url: URL) -> str:
    if not path.is_file():
        raise Refused(f"there is no file {path}.")
    load(path, url)
    found, newest = revision(url), head()
    if found == newest:
        return f"{path} is restored, at revision {found}: the newest."
    if found in outdated(newest):
        return f"{path} is restored, at revision {found}: `make migrate` brings it to {newest}."
    return f"{path} is restored, at revision {found}: that is newer than this code."


if __name__ == "__main__":
    main()
