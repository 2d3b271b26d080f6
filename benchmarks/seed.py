"""Runs in a service's environment and fills the database of DATABASE_URL: `seed.py APP ROWS`.

Each app creates its own tables; all get the same rows.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Column, Connection, Integer, MetaData, create_engine, make_url

from limit.app import insertion, tables
from naive.models import Base, Item

FIRST = datetime(2026, 1, 1, 12, 0, 0, 123456, UTC)


def rows(number: int) -> Iterator[dict[str, Any]]:
    for index in range(number):
        created = FIRST + timedelta(seconds=index)
        milliseconds = int(created.timestamp() * 1000)
        yield {
            "id": UUID(int=milliseconds << 80 | 7 << 76 | 2 << 62 | index),
            "created_at": created,
            "updated_at": created + timedelta(days=1),
            "name": f"Hex bolt M{index}",
            "description": f"Zinc-plated, {index} mm" if index % 2 else None,
            "quantity": index % 1000,
            "is_active": index % 3 > 0,
            "available_from": created + timedelta(days=30) if index % 4 else None,
        }


def fill_service(connection: Connection, items: list[dict[str, Any]]) -> None:
    subprocess.run([sys.executable, "-m", "alembic", "upgrade", "head"], check=True)
    table = Item.metadata.tables["items"].to_metadata(MetaData())
    table.append_column(Column("version", Integer))
    connection.execute(table.insert(), [item | {"version": 1} for item in items])


def fill_naive(connection: Connection, items: list[dict[str, Any]]) -> None:
    Base.metadata.create_all(connection)
    connection.execute(Item.metadata.tables["items"].insert(), items)


def fill_limit(connection: Connection, items: list[dict[str, Any]]) -> None:
    is_text = connection.dialect.name == "sqlite"
    for statement in tables("TEXT", "TEXT") if is_text else tables("UUID", "TIMESTAMPTZ"):
        connection.exec_driver_sql(statement)
    values = [tuple(map(as_text if is_text else unchanged, item.values())) for item in items]
    connection.exec_driver_sql(insertion("?" if is_text else "%s"), values)


def unchanged(value: Any) -> Any:
    return value


def as_text(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return str(value) if isinstance(value, UUID) else value


FILL = {"service": fill_service, "naive": fill_naive, "limit": fill_limit}


def main(app: str, number: str) -> None:
    url = make_url(os.environ["DATABASE_URL"])
    if url.drivername == "postgresql":
        url = url.set(drivername="postgresql+psycopg")
    items = [*rows(int(number))]
    with create_engine(url).begin() as connection:
        FILL[app](connection, items)
    for item in items:
        print(item["id"])


if __name__ == "__main__":
    main(*sys.argv[1:])
