import os
import signal
import sys
{% if cookiecutter.concurrency == "async" %}
from asyncio import sleep
{% else %}
from time import sleep
{% endif %}
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from importlib import import_module
from pathlib import Path
from unittest.mock import Mock, call
from uuid import UUID

import pytest
from cronsim import CronSimError
from prometheus_client import REGISTRY
from pydantic import ValidationError
from sqlalchemy import select, update
from structlog.contextvars import bound_contextvars
from structlog.testing import capture_logs

from app import worker as module
from app.db.base import now
from app.db.session import SqlStore
from app.db.tables.jobs import JobTable, ScheduleTable
from app.repositories.errors import ReadOnly, Unavailable
from app.repositories.jobs import Job, job
from app.repositories.store import Store
from app.settings import Settings
from app.worker import Worker, find_jobs, main
from tests.jobs import JOBS, SCHEDULED, counted, each_minute, fail, tell, work
from tests.widgets import WidgetSqlStore, WidgetTable
from tools import queue

LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _quick_and_quiet(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(module, "POLL", 0.01)
    with capture_logs():
        yield


@pytest.fixture
def worker(sql_store: SqlStore, settings: Settings) -> Worker:
    return Worker(sql_store, JOBS | SCHEDULED, settings)


@pytest.fixture
def other(sql_store: SqlStore, settings: Settings) -> Worker:
    return Worker(sql_store, JOBS | SCHEDULED, settings)


async def add(store: Store, *jobs: Job[[]]) -> None:
    async with store.write() as repositories:
        for each in jobs:
            await repositories.jobs.add(each)


async def rows(store: Store) -> list[JobTable]:
    async with store.read() as repositories:
        found = await repositories.session.scalars(select(JobTable).order_by(JobTable.id))
        return [*found]


async def change(store: Store, **values: object) -> None:
    async with store.write() as repositories:
        await repositories.session.execute(update(JobTable).values(values))


async def widgets(store: Store) -> list[str]:
    async with store.read() as repositories:
        return [*await repositories.session.scalars(select(WidgetTable.name))]


async def run_due_jobs(worker: Worker) -> None:
    while claimed := await worker.claim():
        await worker.perform(claimed)


async def test_a_rolled_back_block_adds_no_job(sql_store: SqlStore) -> None:
    async def add_and_fail() -> None:
        async with sql_store.write() as repositories:
            await repositories.jobs.add(work, "a")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await add_and_fail()
    assert await rows(sql_store) == []


async def test_a_read_cannot_add_jobs(store: Store) -> None:
    async def add_in_a_read() -> None:
        async with store.read() as repositories:
            await repositories.jobs.add(work, "a")

    with pytest.raises(ReadOnly):
        await add_in_a_read()


async def test_an_added_job_runs_once(sql_store: SqlStore, worker: Worker) -> None:
    async with sql_store.write() as repositories:
        added = await repositories.jobs.add(work, "a")
    assert [row.id for row in await rows(sql_store)] == [added]
    await run_due_jobs(worker)
    assert await rows(sql_store) == []
    found = await widgets(sql_store)
    assert counted(found, "started") == counted(found, "ended") == {"a": 1}


async def test_jobs_get_their_arguments_and_the_request_id(
    sql_store: SqlStore, worker: Worker
) -> None:
    id_, at, price = UUID(int=1), datetime(2026, 1, 31, tzinfo=UTC), Decimal("9.90")
    with bound_contextvars(request_id="r-1"):
        async with sql_store.write() as repositories:
            await repositories.jobs.add(tell, id_, at, price=price, tags=["ä", "\0"])
    await run_due_jobs(worker)
    assert await widgets(sql_store) == [f"{id_} {at} {price} {['ä', chr(0)]} r-1"]


async def test_invalid_arguments_are_rejected(store: Store) -> None:
    async with store.write() as repositories:
        with pytest.raises(ValidationError):
            await repositories.jobs.add(work, "a", seconds="long")  # type: ignore[arg-type] # on purpose
        with pytest.raises(TypeError):
            await repositories.jobs.add(work, "a", of="b")  # type: ignore[call-arg] # on purpose


async def test_a_job_of_an_earlier_release_still_runs(
    sql_store: SqlStore, worker: Worker
) -> None:
    async with sql_store.write() as repositories:
        await repositories.jobs.add(work, "a", 9)
    await change(sql_store, arguments='{"name": "a", "removed": 1}')
    await run_due_jobs(worker)
    assert counted(await widgets(sql_store), "ended") == {"a": 1}


async def test_a_unique_key_is_taken_until_its_job_has_finished(store: Store) -> None:
    once = work.options(unique_key="once")
    async with store.write() as repositories:
        added = [await repositories.jobs.add(once, "a") for _ in range(2)]
        others = [await repositories.jobs.add(work, "a") for _ in range(2)]
    assert added[0]
    assert added[1] is None
    assert None not in others


async def test_a_unique_key_is_free_after_its_job_has_finished(
    sql_store: SqlStore, worker: Worker
) -> None:
    once = each_minute.options(unique_key="once")
    for _ in range(2):
        await add(sql_store, once, once)
        await run_due_jobs(worker)
    assert len(await widgets(sql_store)) == 2


async def test_jobs_run_by_priority_and_not_before_they_are_due(
    sql_store: SqlStore, worker: Worker
) -> None:
    async with sql_store.write() as repositories:
        await repositories.jobs.add(work.options(delay=timedelta(hours=1)), "late")
        await repositories.jobs.add(work, "a")
        await repositories.jobs.add(work, "b")
        await repositories.jobs.add(work.options(priority=-1), "urgent")
    claimed = [await worker.claim() for _ in range(4)]
    names = [each and each.arguments.partition(",")[0] for each in claimed]
    assert names == ['{"name":"urgent"', '{"name":"a"', '{"name":"b"', None]


async def test_a_failed_job_is_retried_later(sql_store: SqlStore, worker: Worker) -> None:
    before = now()
    async with sql_store.write() as repositories:
        await repositories.jobs.add(fail, "a\0b" * 9999)
    await run_due_jobs(worker)
    (row,) = await rows(sql_store)
    assert row.attempts == 1
    assert row.error
    assert row.error.startswith(r"ValueError('a\x00b")
    assert row.due_at
    assert timedelta(seconds=30) <= row.due_at - before <= timedelta(seconds=90)


async def test_the_backoff_is_limited_to_six_hours(sql_store: SqlStore, worker: Worker) -> None:
    @job(attempts=10**6, backoff=timedelta(days=365))
    async def never(store: Store) -> None:
        raise ValueError

    await add(sql_store, never)
    worker.jobs = {"never": never}
    await change(sql_store, attempts=9999)
    await run_due_jobs(worker)
    (row,) = await rows(sql_store)
    assert row.due_at
    assert timedelta(hours=2) < row.due_at - now() <= timedelta(hours=6)


async def test_a_job_is_dead_after_its_last_attempt_and_its_key_is_free(
    sql_store: SqlStore, worker: Worker
) -> None:
    once = fail.options(unique_key="once")
    await add(sql_store, once)
    await run_due_jobs(worker)
    await change(sql_store, due_at=LONG_AGO)
    await run_due_jobs(worker)
    await add(sql_store, once)
    found = [(row.attempts, row.due_at is None, row.error) for row in await rows(sql_store)]
    assert found == [(2, True, "ValueError('no')"), (0, False, None)]


async def test_dead_jobs_can_be_listed_retried_and_deleted(
    sql_store: SqlStore, worker: Worker
) -> None:
    await add(sql_store, fail, fail)
    await change(sql_store, attempts=1)
    await run_due_jobs(worker)
    await add(sql_store, fail, fail, fail.options(delay=timedelta(hours=1)))
    assert await worker.claim()
    states = [line.split()[1] for line in await queue.listed(sql_store)]
    assert states == ["dead", "dead", "waiting", "running", "later"]

    first, second, *_ = await rows(sql_store)
    assert await queue.retry(sql_store, [first.id]) == [f"{first.id}  retried"]
    assert await queue.remove(sql_store, [first.id]) == []
    assert await queue.remove(sql_store, []) == [f"{second.id}  deleted"]
    assert len(await rows(sql_store)) == 4


async def test_two_workers_do_not_claim_the_same_job(
    sql_store: SqlStore, worker: Worker, other: Worker
) -> None:
    await add(sql_store, fail, fail)
    claimed = [await worker.claim(), await other.claim(), await worker.claim()]
    assert [each and each.id for each in claimed] == [
        *[row.id for row in await rows(sql_store)],
        None,
    ]


async def test_an_expired_claim_goes_to_another_worker(
    sql_store: SqlStore, worker: Worker, other: Worker
) -> None:
    async with sql_store.write() as repositories:
        await repositories.jobs.add(work, "a")
    lost = await worker.claim()
    await change(sql_store, due_at=LONG_AGO)
    claimed = await other.claim()
    assert lost
    assert claimed
    assert (claimed.id, claimed.attempts) == (lost.id, 2)
    await worker.perform(lost)
    assert [row.claimed_by for row in await rows(sql_store)] == [other.id]
    await other.perform(claimed)
    assert await rows(sql_store) == []
    assert counted(await widgets(sql_store), "ended") == {"a": 2}


async def test_a_job_that_kills_its_workers_is_dead_after_its_attempts(
    sql_store: SqlStore, worker: Worker
) -> None:
    await add(sql_store, each_minute)
    await change(sql_store, attempts=each_minute.attempts)
    await run_due_jobs(worker)
    assert await widgets(sql_store) == []
    assert [row.error for row in await rows(sql_store)] == ["Abandoned()"]


async def test_a_job_of_a_newer_release_waits_for_its_worker(
    sql_store: SqlStore, worker: Worker
) -> None:
    await add(sql_store, each_minute)
    await change(sql_store, name="newer")
    assert await worker.claim() is None
    worker.jobs = {"newer": each_minute}
    await run_due_jobs(worker)
    assert await rows(sql_store) == []


async def test_a_scheduled_job_is_added_once_by_all_workers(
    sql_store: SqlStore, worker: Worker, other: Worker
) -> None:
    async def maintain() -> None:
        for each in (worker, other):
            await each.maintain_queue()

    async def schedule(**values: object) -> None:
        async with sql_store.write() as repositories:
            await repositories.session.execute(update(ScheduleTable).values(values))
        for each in (worker, other):
            each.ticks["each_minute"] = LONG_AGO

    await maintain()
    assert await rows(sql_store) == []
    assert now() < worker.ticks["each_minute"] <= now() + timedelta(minutes=1)
    await schedule(due_at=LONG_AGO)
    await maintain()
    await maintain()
    assert [row.name for row in await rows(sql_store)] == ["each_minute"]
    await schedule(due_at=LONG_AGO)
    await maintain()
    assert len(await rows(sql_store)) == 1  # it has not run yet
    await run_due_jobs(worker)
    await schedule(due_at=LONG_AGO, cron="0 0 1 1 *")
    await maintain()
    assert await rows(sql_store) == []  # a changed schedule starts over


def test_invalid_schedules_are_rejected() -> None:
    with pytest.raises(CronSimError):
        job(cron="every day")(each_minute.function)
    with pytest.raises(TypeError):
        job(cron="* * * * *")(work.function)


async def test_metrics_count_waiting_dead_and_finished_jobs(
    sql_store: SqlStore, worker: Worker
) -> None:
    def value(name: str, **labels: str) -> float:
        return REGISTRY.get_sample_value(name, labels) or 0

    failed = {"job": "fail", "outcome": "failed"}
    before = value("job_duration_seconds_count", **failed)
    await add(sql_store, fail, fail)
    async with sql_store.write() as repositories:
        await repositories.session.execute(
            update(JobTable).values(due_at=now() - timedelta(minutes=1))
        )
    await worker.maintain_queue()
    assert value("jobs_waiting", job="fail") == 2
    assert value("jobs_waiting", job="work") == 0
    assert 60 <= value("jobs_oldest_waiting_seconds") < 90
    await run_due_jobs(worker)
    assert value("job_duration_seconds_count", **failed) == before + 2
    await change(sql_store, due_at=None)
    await worker.beat()
    assert value("jobs_waiting", job="fail") == 0
    assert value("jobs_dead", job="fail") == 2
    assert value("jobs_oldest_waiting_seconds") == 0


async def test_a_claim_is_renewed_while_its_job_runs(
    sql_store: SqlStore, worker: Worker
) -> None:
    await add(sql_store, fail, fail)
    claimed = await worker.claim()
    assert claimed
    worker.running.add(claimed.id)
    assert await worker.claim()
    await change(sql_store, due_at=LONG_AGO)
    await worker.beat()
    assert [row.due_at == LONG_AGO for row in await rows(sql_store)] == [False, True]


async def test_a_worker_runs_until_it_is_stopped(sql_store: SqlStore, settings: Settings) -> None:
    ran: list[int] = []

    @job()
    async def stop(store: Store) -> None:
        ran.append(len(ran))
        if len(ran) == 3:
            await sleep(0.1)  # until the other slot is idle
            slots.stop()

    slots = Worker(sql_store, {"stop": stop}, settings.model_copy(update={"jobs_concurrency": 2}))
    await add(sql_store, stop, stop, stop)
    await slots.run()
    assert ran == [0, 1, 2]
    assert await rows(sql_store) == []


async def test_unfinished_jobs_are_released(
    sql_store: SqlStore, settings: Settings
) -> None:
    @job()
    async def late(store: Store) -> None:
        stopped.stop()
        stopped.stop()  # the second call stops at once
        await sleep(0.5)

    stopped = Worker(sql_store, {"late": late}, settings)
    await add(sql_store, late)
    await stopped.run()
    (row,) = await rows(sql_store)
    assert (row.attempts, row.claimed_by) == (0, None)
    await sleep(1)  # a thread cannot be cancelled
    assert not stopped.running
    assert len(await rows(sql_store)) == 1


async def test_a_worker_waits_for_the_schema_and_survives_errors(
    sql_store: SqlStore, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker = Worker(sql_store, JOBS, settings)
    errors: Iterator[Exception] = iter([Unavailable("not yet"), ValueError("a mistake")])
    check, read = sql_store.check, sql_store.read

    async def check_later() -> None:
        for error in errors:
            raise error
        monkeypatch.setattr(sql_store, "read", fail_once)
        await check()

    def fail_once(**options: bool) -> object:
        monkeypatch.setattr(sql_store, "read", stop)
        raise Unavailable("gone")

    def stop(**options: bool) -> object:
        worker.stop()
        return read(**options)

    monkeypatch.setattr(sql_store, "check", check_later)
    await worker.run()
    assert worker.is_stopping


async def test_a_worker_can_be_stopped_while_it_waits_for_the_schema(
    sql_store: SqlStore, worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def never() -> None:
        worker.stop()
        raise Unavailable("not yet")

    monkeypatch.setattr(sql_store, "check", never)
    await worker.run()
    assert worker.is_stopping


@pytest.mark.parametrize("port", ["", "1234"])
def test_sigterm_stops_a_worker(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, port: str
) -> None:
    monkeypatch.setenv("DATABASE_URL", settings.database_url.get_secret_value())
    monkeypatch.setenv("JOBS_METRICS_PORT", port)
    serve = Mock()
    monkeypatch.setattr(module, "start_http_server", serve)

    class Ended(WidgetSqlStore):
        async def check(self) -> None:
            await super().check()
            os.kill(os.getpid(), signal.SIGTERM)

    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    try:
        main(store=Ended)
    finally:
        for number, handler in zip((signal.SIGINT, signal.SIGTERM), before, strict=True):
            signal.signal(number, handler)
    assert serve.mock_calls == ([call(1234, "127.0.0.1")] if port else [])


ONE = """
from app.repositories.jobs import job

@job()
{{ "async " if cookiecutter.concurrency == "async" else "" }}def one(store) -> None: ...
"""


def test_jobs_are_found_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    package = tmp_path / "found_jobs"
    package.mkdir()
    for name, text in {"__init__": "", "a": ONE, "b": "from found_jobs.a import one"}.items():
        (package / f"{name}.py").write_text(text, encoding="utf-8")
    assert [*find_jobs(import_module("found_jobs"))] == ["one"]
    (package / "c.py").write_text(ONE, encoding="utf-8")
    with pytest.raises(ValueError, match="Two jobs are called one"):
        find_jobs(import_module("found_jobs"))
    for name in [name for name in sys.modules if name.startswith("found_jobs")]:
        del sys.modules[name]


async def test_a_job_can_be_called_like_its_function(sql_store: SqlStore) -> None:
    await work(sql_store, "a")
    assert counted(await widgets(sql_store), "ended") == {"a": 1}
