"""`python -m tools.jobs`: the command of `make jobs`."""

from tools.jobs.write import JOBS
from tools.parts import run

if __name__ == "__main__":
    run(JOBS)
