"""`python -m tools.resource NAME FIELDS [PLURAL [FAKE [OWNER]]]`: command of `make resource`."""

import sys
from pathlib import Path

from tools.resource.names import Refused
from tools.resource.parse import parse
from tools.resource.write import write

if __name__ == "__main__":
    name, fields, plural, fake, owner = [*sys.argv[1:], "", "", "", "", ""][:5]
    options = {"plural": plural, "fake": fake, "owner": owner}
    root = Path.cwd()
    try:
        written = write(root, parse(root, name, fields, **options))
    except Refused as reason:
        sys.exit(f"Nothing was written: {reason}.")
    for path in written:
        print(path.as_posix())
    print("Next: review it, then run make check" if written else "Nothing to do: it already exists")
