"""`python -m tests.system.worker` runs `python -m app.worker` with the jobs of the tests."""

from app.worker import main
from tests.jobs import JOBS
from tests.widgets import WidgetSqlStore

if __name__ == "__main__":
    main(JOBS, WidgetSqlStore)
