"""`python -m tools.jobs`: what `make jobs` runs."""

from tools.jobs.write import JOBS
from tools.parts import run

if __name__ == "__main__":
    run(JOBS)
