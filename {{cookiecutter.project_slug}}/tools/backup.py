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
    restore_ = commands.add_parser("restore", help="restore a backup into an empty database")
    restore_.add_argument("path", type=Path)
    args = parser.parse_args(arguments)

    url = make_url(read_settings().database_url.get_secret_value())
    try:
        print(backup(url, args.path) if args.command == "make" else restore(args.path, url))
    except (Refused, OSError) as error:
        sys.exit(f"{'Backup' if args.command == 'make' else 'Restore'} failed: {error}")


def backup(url: URL, path: Path | None = None) -> str:
    if revision(url) is None:
        raise Refused("the database has no tables of this service: check DATABASE_URL.")
    path = path or FOLDER / f"{datetime.now(UTC):%Y-%m-%dT%H%M%SZ}{SUFFIX}"
    with written(path) as part:
        if path.exists():
            raise Refused(f"{path} already exists: choose another path.")
        dump(url, part)
        size = part.stat().st_size
    return f"{path}: {size} bytes"


def restore(path: Path, url: URL) -> str:
    if not path.is_file():
        raise Refused(f"the file {path} does not exist.")
    load(path, url)
    found, newest = revision(url), head()
    if found == newest:
        return f"Restored {path} at revision {found}, the newest."
    if found in outdated(newest):
        return f"Restored {path} at revision {found}: `make migrate` upgrades it to {newest}."
    return f"Restored {path} at revision {found}, which is newer than this code: update the code."


if __name__ == "__main__":
    main()
