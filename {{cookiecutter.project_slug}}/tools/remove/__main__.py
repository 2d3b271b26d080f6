"""`python -m tools.remove NAME`: the command of `make remove`."""

import sys
from pathlib import Path

from tools.remove.remove import apply, removal
from tools.resource.names import Refused

if __name__ == "__main__":
    root = Path.cwd()
    try:
        planned = removal(root, sys.argv[1] if len(sys.argv) > 1 else "")
    except Refused as reason:
        sys.exit(f"Nothing was removed: {reason}.")
    for line in apply(root, planned):
        print(line)
    print("Next: review the revision, which drops the table and its rows, then run make check")
