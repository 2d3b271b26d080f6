"""`python -m tools.queue` shows unfinished jobs, and retries or deletes dead ones."""

from argparse import ArgumentParser
{% if cookiecutter.concurrency == "async" %}
from asyncio import run
{% endif %}
from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import ColumnElement, delete, select, update

from app.db.base import now
from app.db.session import SqlStore
from app.db.tables.jobs import JobTable
from app.repositories.store import Store
from app.settings import read_settings

MAX_LISTED = 1000


def state(row: JobTable) -> str:
    if row.due_at is None:
        return "dead"
    if row.due_at > now():
        return "running" if row.claimed_by else "later"
    return "waiting"


async def listed(store: Store) -> list[str]:
    """Returns a line for each job, dead ones first."""
    statement = select(JobTable).order_by(JobTable.due_at.is_not(None), JobTable.due_at)
    async with store.read() as repositories:
        rows = await repositories.session.scalars(statement.limit(MAX_LISTED))
        return [
            f"{row.id}  {state(row):8} {row.name} {row.arguments} priority={row.priority} "
            f"attempts={row.attempts} due={row.due_at} error={row.error}"
            for row in rows
        ]


async def retry(store: Store, ids: Sequence[UUID]) -> list[str]:
    """Retries the dead jobs with these ids, or all dead jobs."""
    due = {"due_at": now(), "attempts": 0}
    async with store.write() as repositories:
        statement = update(JobTable).where(*_dead(ids)).values(due).returning(JobTable.id)
        return [f"{id_}  retried" for id_ in await repositories.session.scalars(statement)]


async def remove(store: Store, ids: Sequence[UUID]) -> list[str]:
    """Deletes the dead jobs with these ids, or all dead jobs."""
    async with store.write() as repositories:
        statement = delete(JobTable).where(*_dead(ids)).returning(JobTable.id)
        return [f"{id_}  deleted" for id_ in await repositories.session.scalars(statement)]


def _dead(ids: Sequence[UUID]) -> list[ColumnElement[bool]]:
    is_dead = JobTable.due_at.is_(None)
    return [is_dead, JobTable.id.in_(ids)] if ids else [is_dead]


async def main() -> None:
    parser = ArgumentParser(prog="python -m tools.queue", description=__doc__)
    which = "the dead jobs with these ids, or all dead jobs"
    parser.add_argument("--retry", nargs="*", type=UUID, metavar="ID", help=f"retry {which}")
    parser.add_argument("--delete", nargs="*", type=UUID, metavar="ID", help=f"delete {which}")
    options = parser.parse_args()
    store = SqlStore(read_settings())
    if options.retry is not None:
        lines = await retry(store, options.retry)
    elif options.delete is not None:
        lines = await remove(store, options.delete)
    else:
        lines = await listed(store)
    await store.close()
    print("\n".join(lines) or "No jobs.")


if __name__ == "__main__":
{% if cookiecutter.concurrency == "async" %}
    run(main())
{% else %}
    main()
{% endif %}
