"""`python -m tools.users`: what `make users` runs."""

import subprocess
import sys
from pathlib import Path

from tools.resource.names import Refused
from tools.users.write import DEPENDENCIES, write

if __name__ == "__main__":
    root = Path.cwd()
    try:
        written = write(root)
    except Refused as reason:
        sys.exit(f"Nothing is written: {reason}.")
    for path in written:
        print(path.as_posix())
    command = ["uv", "add", "--quiet", *DEPENDENCIES]
    if written and subprocess.run(command, check=False).returncode:
        sys.exit(f"Add the dependencies yourself: uv add {' '.join(map(repr, DEPENDENCIES))}")
    print("Next: read it, then make check" if written else "Nothing to do: they are there already")
