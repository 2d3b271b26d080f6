"""`python -m tools.users`: the command of `make users`."""

from tools.parts import run
from tools.users.write import USERS

if __name__ == "__main__":
    run(USERS)
