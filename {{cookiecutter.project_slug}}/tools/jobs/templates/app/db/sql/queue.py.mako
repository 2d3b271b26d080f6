"""Job queue: the SQL statements of a worker."""

from collections.abc import Collection, Iterator
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from cronsim import CronSim
from sqlalchemy import ColumnElement, delete, func, select, update
{% if cookiecutter.database == "sqlite" %}
from sqlalchemy.dialects.sqlite import insert
{% else %}
from sqlalchemy.dialects.postgresql import insert
{% endif %}
from sqlalchemy.ext.asyncio import AsyncSession

from app.db.base import now
from app.db.sql.jobs import SqlJobRepository
from app.db.tables.jobs import JobTable, ScheduleTable
from app.repositories.jobs import Job


class Claimed(NamedTuple):
    id: UUID
    name: str
    arguments: str
    attempts: int  # including this one
    request_id: str | None


class Counts(NamedTuple):
    waiting: dict[str, int]
    dead: dict[str, int]
    oldest: datetime | None


class Queue:
    """Claims expire after `lease` unless they are renewed."""

    def __init__(self, session: AsyncSession, worker: UUID, lease: timedelta) -> None:
        self.session = session
        self.worker = worker
        self.lease = lease

    async def has_due(self, names: Collection[str]) -> bool:
        found = await self.session.scalar(select(JobTable.id).where(*_due(names)).limit(1))
        return found is not None

    async def claim(self, names: Collection[str]) -> Claimed | None:
        first = (
            select(JobTable.id)
            .where(*_due(names))
            .order_by(JobTable.priority, JobTable.due_at)
            .limit(1)
            .with_for_update(skip_locked=True)
        )
        attempts = JobTable.attempts + 1
        claim = {"attempts": attempts, "claimed_by": self.worker, "due_at": now() + self.lease}
        statement = update(JobTable).where(JobTable.id == first.scalar_subquery()).values(claim)
        columns = (getattr(JobTable, name) for name in Claimed._fields)
        rows = await self.session.execute(statement.returning(*columns))
        found = rows.one_or_none()
        return Claimed(*found) if found else None

    async def renew(self, ids: Collection[UUID]) -> None:
        """Renews the leases of these jobs."""
        own = JobTable.id.in_(ids), JobTable.claimed_by == self.worker
        await self.session.execute(update(JobTable).where(*own).values(due_at=now() + self.lease))

    async def release(self, ids: Collection[UUID]) -> None:
        """Releases these jobs."""
        own = JobTable.id.in_(ids), JobTable.claimed_by == self.worker
        attempts = JobTable.attempts - 1
        await self.session.execute(
            update(JobTable)
            .where(*own)
            .values(due_at=now(), claimed_by=None, attempts=attempts)
        )

    async def finish(self, claimed: Claimed) -> bool:
        """Deletes the job; returns False if another worker has claimed it in the meantime."""
        statement = delete(JobTable).where(*self._own(claimed)).returning(JobTable.id)
        return await self.session.scalar(statement) is not None

    async def fail(self, claimed: Claimed, error: str, wait: timedelta | None) -> None:
        """Schedules a retry after `wait`; without it the job is dead, and its unique key free."""
        values: dict[str, Any] = {"claimed_by": None, "error": error}
        if wait is None:
            values |= {"due_at": None, "unique_key": None}
        else:
            values["due_at"] = now() + wait
        await self.session.execute(update(JobTable).where(*self._own(claimed)).values(values))

    def _own(self, claimed: Claimed) -> Iterator[ColumnElement[bool]]:
        yield JobTable.id == claimed.id
        yield JobTable.claimed_by == self.worker
        yield JobTable.attempts == claimed.attempts

    async def tick(self, job: Job[...]) -> datetime:
        """Adds a scheduled job if it is due; returns when it is due next.

        Only the first of several workers adds it. Runs that were missed while there was no worker
        are added once, and none while the previous run has not finished.
        """
        at, cron = now(), str(job.cron)
        upcoming = next(CronSim(cron, at))
        row = await self.session.get(ScheduleTable, job.name, with_for_update=True)
        if row is None:
            new = insert(ScheduleTable).values(name=job.name, cron=cron, due_at=upcoming)
            await self.session.execute(new.on_conflict_do_nothing())
            return upcoming
        if row.cron != cron:
            row.cron, row.due_at = cron, upcoming
        elif row.due_at <= at:
            row.due_at = upcoming
            once = job.options(unique_key=f"cron {job.name}")
            await SqlJobRepository(self.session).add(once)
        return row.due_at

    async def counts(self) -> Counts:
        counted = select(JobTable.name, func.count(), func.min(JobTable.due_at))
        by_name = counted.group_by(JobTable.name)
        waiting = await self.session.execute(by_name.where(JobTable.due_at <= now()))
        due = {name: (count, oldest) for name, count, oldest in waiting if oldest}
        dead = await self.session.execute(by_name.where(JobTable.due_at.is_(None)))
        return Counts(
            waiting={name: count for name, (count, _) in due.items()},
            dead={name: count for name, count, _ in dead},
            oldest=min((oldest for _, oldest in due.values()), default=None),
        )


def _due(names: Collection[str]) -> Iterator[ColumnElement[bool]]:
    """Yields conditions for due jobs of these names: others wait for workers of their release."""
    yield JobTable.due_at <= now()
    yield JobTable.name.in_(names)
