"""Fills tables with rows from factories; the same row number always gives the same row."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from hashlib import sha256
from typing import Any
from uuid import UUID

from sqlalchemy import Table, exc, insert, literal, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.db.session import SqlStore
from app.repositories.errors import Conflict, Invalid, MissingReference
from app.settings import Settings
from tools.files import Refused
from tools.seed.resources import Seeded

BATCH = 1000  # rows in memory at a time
START = datetime(2020, 1, 1, tzinfo=UTC)


async def seed(settings: Settings, resources: list[Seeded], count: int, owner: str) -> None:
    """Writes `count` rows of each resource in one transaction."""
    store = SqlStore(settings)
    try:
        async with store.write() as repositories:
            await _must_be_empty(repositories.session, resources)
            rows = Rows([resource.plural for resource in resources], count, owner)
            for resource in resources:
                for first in range(1, count + 1, BATCH):
                    numbers = range(first, min(first + BATCH, count + 1))
                    await _insert(repositories.session, resource, rows, numbers)
    finally:
        await store.close()


class Rows:
    def __init__(self, tables: list[str], count: int, owner: str) -> None:
        self.tables = tables
        self.count = count
        self.owner = owner

    def of(self, resource: Seeded, numbers: Sequence[int]) -> dict[Table, list[dict[str, Any]]]:
        """Returns the rows with these numbers, including their links and lists, by table."""
        repository = resource.repository
        rows: dict[Any, list[dict[str, Any]]] = {table: [] for table in resource.tables}
        own = {"owner": self.owner} if resource.owned else {}
        for number in numbers:
            id_ = row_id(resource.plural, number)
            values = resource.values(number, partial(self._id_of, resource, number))
            for link in repository.links:
                ids = values.pop(link.ids)
                rows[link.ours.table] += [
                    {link.ours.key: id_, link.theirs.key: other} for other in ids
                ]
            for each in repository.children:
                ones = enumerate(values.pop(each.name))
                rows[each.table.__table__] += [
                    {each.key: id_, "position": position, **one, **own} for position, one in ones
                ]
            rows[resource.table].append(
                {"id": id_, "created_at": created_at(number), **values, **own}
            )
        return rows

    def _id_of(self, resource: Seeded, row: int, table: str, number: int) -> str | None:
        if table == resource.plural and not 0 < number < row:
            return None
        if table not in self.tables:
            raise resource.refused(row, f"{table} has no factory")
        return str(row_id(table, (number - 1) % self.count + 1))


def created_at(number: int) -> datetime:
    return START + timedelta(minutes=number)


def row_id(table: str, number: int) -> UUID:
    """Returns a UUIDv7: https://www.rfc-editor.org/rfc/rfc9562#name-uuid-version-7."""
    milliseconds = int(created_at(number).timestamp()) * 1000
    random = int.from_bytes(sha256(f"{table} {number}".encode()).digest()[:10])
    low, high = random & (1 << 62) - 1, random >> 68
    return UUID(int=milliseconds << 80 | 0x7 << 76 | high << 64 | 0b10 << 62 | low)


async def _must_be_empty(session: AsyncSession, resources: list[Seeded]) -> None:
    connection = await session.connection()
    filled = [
        table.name
        for resource in resources
        for table in resource.tables
        if await connection.scalar(select(literal(1)).select_from(table).limit(1))
    ]
    if filled:
        raise Refused(
            f"the database already has rows in {', '.join(filled)}. Set DATABASE_URL to another one, or "
            "drop all tables of this one with uv run alembic downgrade base."
        )


async def _insert(
    session: AsyncSession,
    resource: Seeded,
    rows: Rows,
    numbers: Sequence[int],
) -> None:
    try:
        async with session.begin_nested():
            for table, values in rows.of(resource, numbers).items():
                if values:
                    await session.execute(insert(table), values)
    except (Conflict, MissingReference, Invalid, exc.StatementError) as error:
        if len(numbers) == 1:
            raise resource.refused(numbers[0], _message_of(resource, error)) from error
        for number in numbers:
            await _insert(session, resource, rows, [number])
        raise


def _message_of(resource: Seeded, error: Exception) -> str:
    if isinstance(error, Conflict):
        fields = resource.schema.model_fields
        return str(Conflict(*(name for name in error.fields if name in fields)))
    return str(error.__cause__ or error).partition("\n")[0]  # the next line may contain values
