"""Worker processes: jobs survive killed workers."""

import subprocess
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path

import httpx2
import pytest
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from app.db.base import now
from app.db.tables.jobs import JobTable
from app.settings import Settings
from tests.conftest import Start
from tests.database import outage
from tests.jobs import counted, work
from tests.ports import free_port
from tests.system.conftest import within
from tests.widgets import WidgetTable

StartWorker = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def start_worker(settings: Settings, start: Start, tmp_path: Path) -> StartWorker:
    def start_worker(**variables: object) -> subprocess.Popen[str]:
        url = settings.database_url.get_secret_value()
        values = {"DATABASE_URL": url, "JOBS_LEASE": 3} | variables
        with (tmp_path / "worker.log").open("a") as output:
            texts = {name: str(value) for name, value in values.items()}
            return start("-m", "tests.system.worker", variables=texts, output=output)

    return start_worker


def add(database: Engine, *names: str, seconds: float = 0) -> None:
    with Session(database) as session, session.begin():
        for name in names:
            arguments = work.dumped(name, seconds)
            row = JobTable(name="work", arguments=arguments, priority=0, due_at=now())
            session.add(row)


def started(database: Engine) -> Counter[str]:
    return counted(widgets(database), "started")


def has_started(database: Engine, number: int) -> bool:
    return len(started(database)) > number


def ended(database: Engine) -> set[str]:
    return {*counted(widgets(database), "ended")}


def widgets(database: Engine) -> list[str]:
    with database.begin() as connection:
        return [*connection.scalars(select(WidgetTable.name))]


def remaining(database: Engine) -> list[tuple[int, bool]]:
    """Returns the attempts of each stored job, and whether it is claimed."""
    with database.begin() as connection:
        rows = connection.execute(select(JobTable.attempts, JobTable.claimed_by))
        return [(attempts, claim is not None) for attempts, claim in rows]


def test_a_job_of_a_killed_worker_runs_again(
    start_worker: StartWorker, database: Engine
) -> None:
    add(database, "a", seconds=1)
    first = start_worker()
    within(20, lambda: started(database) == {"a": 1})
    first.kill()
    first.wait(10)
    assert remaining(database) == [(1, True)]
    start_worker()
    within(20, lambda: remaining(database) == [])
    assert started(database) == {"a": 2}
    assert ended(database) == {"a"}


def test_no_job_is_lost_however_often_workers_are_killed(
    start_worker: StartWorker, database: Engine
) -> None:
    names = {str(number) for number in range(60)}
    add(database, *names, seconds=0.2)
    start_worker(JOBS_CONCURRENCY=2)
    for killed in range(3):
        worker = start_worker(JOBS_CONCURRENCY=2)
        within(20, partial(has_started, database, 10 * killed + 5))
        worker.kill()
    within(40, lambda: remaining(database) == [])
    assert ended(database) == names


def test_workers_share_the_jobs_and_run_each_once(
    start_worker: StartWorker, database: Engine
) -> None:
    names = {str(number) for number in range(60)}
    add(database, *names, seconds=0.05)
    for _ in range(3):
        start_worker(JOBS_LEASE=60)
    within(40, lambda: remaining(database) == [])
    assert started(database) == dict.fromkeys(names, 1)


def test_a_job_that_takes_longer_than_the_lease_runs_once(
    start_worker: StartWorker, database: Engine
) -> None:
    add(database, "long", seconds=6)
    for _ in range(2):
        start_worker()
    within(20, lambda: remaining(database) == [])
    assert started(database) == {"long": 1}


def test_a_stopping_worker_finishes_its_jobs_and_claims_no_more(
    start_worker: StartWorker, database: Engine
) -> None:
    add(database, "first", seconds=1.5)
    worker = start_worker(JOBS_CONCURRENCY=1)
    within(20, lambda: started(database) == {"first": 1})
    add(database, "second")
    worker.terminate()
    assert worker.wait(10) == 0
    assert ended(database) == {"first"}
    assert remaining(database) == [(0, False)]


def test_a_stopping_worker_releases_unfinished_jobs(
    start_worker: StartWorker, database: Engine
) -> None:
    add(database, "long", seconds=60)
    worker = start_worker(SHUTDOWN_TIMEOUT=1, JOBS_LEASE=60)
    within(20, lambda: started(database) == {"long": 1})
    worker.terminate()
    assert worker.wait(10) == 0
    assert remaining(database) == [(0, False)]


def test_a_database_outage_needs_no_restart(
    start_worker: StartWorker, settings: Settings, database: Engine
) -> None:
    add(database, "before")
    start_worker(DATABASE_TIMEOUT=1)
    within(20, lambda: remaining(database) == [])
    database.dispose()
    with outage(settings.database_url.get_secret_value()):
        pass
    add(database, "after")
    within(20, lambda: remaining(database) == [])


def test_a_worker_serves_its_metrics(start_worker: StartWorker, database: Engine) -> None:
    add(database, "a")
    port = free_port()
    start_worker(JOBS_METRICS_PORT=port)
    expected = 'job_duration_seconds_count{job="work",outcome="done"} 1.0'
    url = f"http://127.0.0.1:{port}/metrics"
    within(20, lambda: expected in httpx2.get(url).text)
