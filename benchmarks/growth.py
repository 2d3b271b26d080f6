"""Measures a get and a page in a growing table, for docs/scaling.md; in a service's environment:

    cd FOLDER && PYTHONPATH=. .venv/bin/python ../benchmarks/growth.py

Calls the repositories of a sync service without HTTP. Prints medians in microseconds for each
number of rows, and for a `name_contains` without a match.
"""

import statistics
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from uuid import UUID

from app.db.migrate import upgrade
from app.db.session import SqlStore
from app.db.tables import ItemTable
from app.schemas.items import Item, ItemFilter
from app.schemas.pages import Page, _encode
from app.settings import Settings
from pydantic import SecretStr
from tests.database import throwaway_database
from uuid_utils.compat import uuid7

START = datetime(2026, 1, 1, tzinfo=UTC)


def median(call: Callable[[], object], times: int) -> float:
    """Returns the median in microseconds."""
    durations = []
    for _ in range(times):
        start = time.perf_counter()
        call()
        durations.append(time.perf_counter() - start)
    return statistics.median(durations) * 1e6


def fill(store: SqlStore, first: int, end: int) -> list[UUID]:
    ids = [uuid7() for _ in range(first, end)]
    for start in range(first, end, 10_000):
        rows = [
            {
                "id": ids[number - first],
                "name": f"item {number:08}",
                "quantity": number % 7,
                "is_active": True,
                "version": 1,
                "created_at": START + timedelta(seconds=number),
                "updated_at": START,
            }
            for number in range(start, min(start + 10_000, end))
        ]
        with store.writer.begin() as connection:
            connection.execute(ItemTable.__table__.insert(), rows)
    return ids


def measure(store: SqlStore, count: int, id_: UUID) -> None:
    def get() -> None:
        with store.read(snapshot=False) as repositories:
            repositories.items.get(id_)

    def find(sort: str, cursor: str | None, **more: str) -> Page[Item]:
        with store.read(snapshot=False) as repositories:
            query = {"sort": (sort,), "cursor": cursor} | more
            return repositories.items.find(ItemFilter.model_validate(query))

    row = f"| {count:,} | {median(get, 200):,.0f} |"
    for sort in ("created_at", "-created_at", "name", "-name"):
        middle = cursor_at(store, sort, count // 2)
        for cursor in (None, middle):
            row += f" {median(partial(find, sort, cursor), 50):,.0f} |"
    row += f" {median(partial(find, 'created_at', None, name_contains='nothing'), 3):,.0f} |"
    print(row, flush=True)


def cursor_at(store: SqlStore, sort: str, number: int) -> str:
    table = ItemTable.__table__
    order = table.columns[sort.removeprefix("-")]
    statement = table.select().order_by(order).offset(number).limit(1)
    with store.reader.connect() as connection:
        row = connection.execute(statement).one()
    entity = Item(**row._mapping)
    return _encode(entity, ItemFilter.model_validate({"sort": (sort,)}))


def main() -> None:
    with throwaway_database() as url:
        settings = Settings(_env_file=None, database_url=SecretStr(url))
        upgrade(settings)
        store = SqlStore(settings)
        print("| rows | get | each sort: first page, middle page | name_contains |", flush=True)
        done = 0
        for count in (10_000, 100_000, 1_000_000):
            ids = fill(store, done, count)
            done = count
            measure(store, count, ids[len(ids) // 2])
        store.close()


if __name__ == "__main__":
    main()
