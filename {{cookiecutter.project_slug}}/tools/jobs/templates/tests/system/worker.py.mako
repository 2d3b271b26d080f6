"""`python -m tests.system.worker` runs the jobs of the tests, as `python -m app.worker` does."""

from app.worker import main
from tests.jobs import JOBS
from tests.widgets import WidgetSqlStore

if __name__ == "__main__":
    main(JOBS, WidgetSqlStore)
