"""`python -m tools.idempotency`: the command of `make idempotency`."""

from pathlib import Path

from tools.idempotency.write import part
from tools.parts import run

if __name__ == "__main__":
    run(part(Path.cwd()))
