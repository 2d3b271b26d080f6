"""`python -m tools.users`: what `make users` runs."""

from tools.parts import run
from tools.users.write import USERS

if __name__ == "__main__":
    run(USERS)
