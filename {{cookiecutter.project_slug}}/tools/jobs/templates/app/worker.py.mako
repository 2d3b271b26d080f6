"""`python -m app.worker` runs the jobs that the service has added: see docs/jobs.md."""

import pkgutil
import random
import signal
{% if cookiecutter.concurrency == "async" %}
import asyncio
from asyncio import Lock, sleep
{% else %}
from threading import Lock, Thread
from time import sleep
{% endif %}
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from datetime import timedelta
from importlib import import_module
from time import monotonic, perf_counter
from types import ModuleType
from uuid import UUID

import structlog
from prometheus_client import Gauge, Histogram, start_http_server
from structlog.contextvars import bound_contextvars
from uuid_utils.compat import uuid7

from app import services
from app.db.base import now
from app.db.session import SqlStore
from app.db.sql.queue import Claimed, Queue
from app.logs import configure_logging
from app.repositories.errors import Unavailable
from app.repositories.jobs import Job
from app.repositories.store import Store
from app.settings import Settings, read_settings

POLL = 0.5  # seconds
LONGEST_WAIT = timedelta(hours=6)
MAX_ERROR = 2000  # characters

WAITING = Gauge("jobs_waiting", "Jobs that are due; each worker reports all.", ["job"])
DEAD = Gauge("jobs_dead", "Jobs that are not retried; each worker reports all.", ["job"])
OLDEST = Gauge("jobs_oldest_waiting_seconds", "How long the oldest of them has been due.")
DURATION = Histogram("job_duration_seconds", "Duration of an attempt.", ["job", "outcome"])

log: structlog.typing.FilteringBoundLogger = structlog.get_logger()


class Abandoned(Exception):
    """Every worker that ran the job ended before the job finished."""


class Worker:
    def __init__(self, store: Store, jobs: Mapping[str, Job[...]], settings: Settings) -> None:
        self.store = store
        self.jobs = jobs
        self.settings = settings
        self.id = uuid7()
        self.lease = timedelta(seconds=settings.jobs_lease)
        self.running: set[UUID] = set()
        self._poll_lock = Lock()  # its holder polls for all slots
        self._has_work = False  # the last claim found a job
        self._deadline: float | None = None
        self._next_beat = 0.0
        self.ticks = {name: now() for name, job in jobs.items() if job.cron}
        self._counted = {*jobs}

    @property
    def is_stopping(self) -> bool:
        return self._deadline is not None

    def stop(self, *_: object) -> None:
        """Stops claiming jobs, and ends after SHUTDOWN_TIMEOUT; at once if called again."""
        grace = 0 if self.is_stopping else self.settings.shutdown_timeout
        self._deadline = monotonic() + grace

    async def run(self) -> None:
        """Runs until the worker is stopped and its jobs have finished or were released."""
        await self._wait_for_schema()
{% if cookiecutter.concurrency == "async" %}
        slots = [asyncio.create_task(self._work()) for _ in range(self.settings.jobs_concurrency)]
        while not all(slot.done() for slot in slots) and not self._is_late():
            await self.maintain_queue()
            await sleep(POLL)
        unfinished = [*self.running]
        for slot in slots:
            slot.cancel()
        await asyncio.gather(*slots, return_exceptions=True)
{% else %}
        # Daemon threads: Python waits for all others before it exits.
        slots = [
            Thread(target=self._work, daemon=True) for _ in range(self.settings.jobs_concurrency)
        ]
        for slot in slots:
            slot.start()
        while any(slot.is_alive() for slot in slots) and not self._is_late():
            self.maintain_queue()
            sleep(POLL)
        unfinished = [*self.running]
{% endif %}
        if unfinished:
            async with self._queue() as queue:
                await queue.release(unfinished)
        await self.store.close()

    async def claim(self) -> Claimed | None:
        """Claims a due job, if there is one."""
        if not (self._has_work or await self._has_due()):
            return None
        async with self._queue() as queue:
            claimed = await queue.claim(self.jobs)
        self._has_work = claimed is not None
        return claimed

    async def _has_due(self) -> bool:
        """Only reads, so that an idle worker does not take the write lock."""
        async with self.store.read(snapshot=False) as repositories:
            return await Queue(repositories.session, self.id, self.lease).has_due(self.jobs)

    async def perform(self, claimed: Claimed) -> None:
        """Runs a job and stores its outcome."""
        fields = {"job": claimed.name, "job_id": str(claimed.id), "attempt": claimed.attempts}
        if claimed.request_id:
            fields["request_id"] = claimed.request_id
        started = perf_counter()
        self.running.add(claimed.id)
        try:
            with bound_contextvars(**fields), _errors_logged():
                outcome = await self._outcome(claimed)
                seconds = perf_counter() - started
                DURATION.labels(claimed.name, outcome).observe(seconds)
                log.info("job", logger=__name__, outcome=outcome, seconds=round(seconds, 6))
        finally:
            self.running.discard(claimed.id)

    async def _outcome(self, claimed: Claimed) -> str:
        job = self.jobs[claimed.name]
        try:
            await self._call(job, claimed)
        except Exception as error:
            is_last = claimed.attempts >= job.attempts
            log.exception("job failed", logger=__name__)
            # repr() escapes characters that the database cannot store.
            message = repr(error)[:MAX_ERROR]
            async with self._queue() as queue:
                await queue.fail(claimed, message, None if is_last else _backoff(job, claimed.attempts))
            return "dead" if is_last else "failed"
        async with self._queue() as queue:
            is_own = await queue.finish(claimed)
        return "done" if is_own else "lost"

    async def _call(self, job: Job[...], claimed: Claimed) -> None:
        if claimed.attempts > job.attempts:
            raise Abandoned
        await job.run(self.store, claimed.arguments)

    async def _work(self) -> None:
        while not self.is_stopping:
            async with self._poll_lock:
                claimed = await self._next()
            if claimed:
                await self.perform(claimed)

    async def _next(self) -> Claimed | None:
        """Waits for a job; returns None if the worker stops."""
        while not self.is_stopping:
            with _errors_logged():
                if claimed := await self.claim():
                    return claimed
            await sleep(POLL)
        return None

    async def maintain_queue(self) -> None:
        with _errors_logged():
            if monotonic() >= self._next_beat:
                await self.beat()
                self._next_beat = monotonic() + self.settings.jobs_lease / 3
        with _errors_logged():
            for name, at in self.ticks.items():
                if at <= now() and not self.is_stopping:
                    await self._tick(name)

    async def beat(self) -> None:
        """Renews leases and updates the metrics."""
        if self.running:
            async with self._queue() as queue:
                await queue.renew([*self.running])
        async with self.store.read() as repositories:
            counts = await Queue(repositories.session, self.id, self.lease).counts()
        self._counted |= counts.waiting.keys() | counts.dead.keys()
        for name in self._counted:
            WAITING.labels(name).set(counts.waiting.get(name, 0))
            DEAD.labels(name).set(counts.dead.get(name, 0))
        OLDEST.set((now() - counts.oldest).total_seconds() if counts.oldest else 0)

    async def _tick(self, name: str) -> None:
        async with self._queue() as queue:
            self.ticks[name] = await queue.tick(self.jobs[name])

    async def _wait_for_schema(self) -> None:
        """Waits for the migrations: workers of a new release may start before they have run."""
        while not self.is_stopping:
            with _errors_logged():
                await self.store.check()
                log.info("worker started", logger=__name__, jobs=sorted(self.jobs))
                return
            await sleep(POLL)

    def _is_late(self) -> bool:
        return self._deadline is not None and monotonic() >= self._deadline

    @asynccontextmanager
    async def _queue(self) -> AsyncIterator[Queue]:
        async with self.store.write() as repositories:
            yield Queue(repositories.session, self.id, self.lease)


@contextmanager
def _errors_logged() -> Iterator[None]:
    """Logs errors instead of ending the worker: its jobs run again when their leases expire."""
    try:
        yield
    except Unavailable as error:
        log.warning(str(error), logger=__name__)
    except Exception:
        log.exception("unexpected error", logger=__name__)


def _backoff(job: Job[...], attempts: int) -> timedelta:
    """Returns the backoff, with jitter: jobs that failed together are not retried together."""
    wait = min(job.backoff * (1 << min(attempts - 1, 20)), LONGEST_WAIT)
    return wait * random.uniform(0.5, 1)  # noqa: S311 - no secret


def find_jobs(package: ModuleType = services) -> dict[str, Job[...]]:
    """Returns the jobs of all modules of the package, by name."""
    found: dict[str, Job[...]] = {}
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        for value in vars(import_module(module.name)).values():
            if isinstance(value, Job) and found.setdefault(value.name, value) is not value:
                raise ValueError(f"Two jobs are called {value.name}: rename one of them.")
    return found


def main(
    jobs: Mapping[str, Job[...]] | None = None, store: Callable[[Settings], Store] = SqlStore
) -> None:
    settings = read_settings()
    configure_logging(settings)
    worker = Worker(store(settings), find_jobs() if jobs is None else jobs, settings)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, worker.stop)
    if settings.jobs_metrics_port:
        start_http_server(settings.jobs_metrics_port, settings.host)
{% if cookiecutter.concurrency == "async" %}
    asyncio.run(worker.run())
{% else %}
    worker.run()
{% endif %}


if __name__ == "__main__":
    main()
