"""`python -m tools.field RESOURCE FIELDS [LEAVE]`: what `make field` runs."""

import sys
from pathlib import Path

from tools.field.add import added
from tools.resource.names import Refused
from tools.resource.write import write_files

if __name__ == "__main__":
    resource, fields, leave = [*sys.argv[1:], "", "", ""][:3]
    root = Path.cwd()
    try:
        changed, created, by_hand = added(root, resource, fields, leave.split())
        write_files(root, created, changed)
    except Refused as reason:
        sys.exit(f"Nothing is written: {reason}.")
    for path in (*created, *changed):
        print(path.as_posix())
    print(f"Type these lines yourself:\n{by_hand}" if by_hand else "Next: read it, then make check")
