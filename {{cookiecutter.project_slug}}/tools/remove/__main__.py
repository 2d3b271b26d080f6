"""`python -m tools.remove NAME`: what `make remove` runs."""

import sys
from pathlib import Path

from tools.remove.remove import apply, removal
from tools.resource.names import Refused

if __name__ == "__main__":
    root = Path.cwd()
    try:
        planned = removal(root, sys.argv[1] if len(sys.argv) > 1 else "")
    except Refused as reason:
        sys.exit(f"Nothing is removed: {reason}.")
    for line in apply(root, planned):
        print(line)
    print("Next: read the revision, which drops the table and its rows, then make check")
