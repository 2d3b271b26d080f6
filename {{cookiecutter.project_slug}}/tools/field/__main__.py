"""`python -m tools.field RESOURCE ADD RENAME CHANGE DROP LEAVE`: the command of `make field`."""

import sys
from pathlib import Path

from tools.field.change import Request, changed
from tools.resource.names import Refused
from tools.resource.write import write_files

if __name__ == "__main__":
    request = Request(*sys.argv[1:])
    try:
        done = changed(Path.cwd(), request)
        write_files(Path.cwd(), done.created, done.changed)
    except Refused as reason:
        sys.exit(f"Nothing was written: {reason}.")
    for path in (*done.created, *done.changed):
        print(path.as_posix())
    for note in done.notes:
        print(note)
    print(
        f"Add these lines yourself, then run make openapi check:\n{done.by_hand}"
        if done.by_hand
        else "Next: review it, then run make check"
    )
