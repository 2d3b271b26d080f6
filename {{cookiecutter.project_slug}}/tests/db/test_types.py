"""JSON and arrays in SQL."""

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Column, Connection, Engine, Integer, MetaData, Table, insert, select, update

from app.db.base import Base, has

TYPES = Base.registry.type_annotation_map
shirts = Table(
    "types",
    MetaData(),
    Column("id", Integer, primary_key=True),
    Column("settings", TYPES[dict[str, Any]]),
    Column("labels", TYPES[list[str]]),
    Column("sizes", TYPES[list[int]]),
)
columns: Any = shirts.c
id_, settings, labels, sizes = columns
NAMES = ("id", "settings", "labels", "sizes")
ROWS: list[tuple[Any, ...]] = [
    (1, {"theme": "dark", "size": {"x": 1.5}, "tags": [None, True]}, ("b", "a", "b"), (2, 1)),
    (2, {"theme": None, "size": 10**16}, ["a,b", '"', "é"], []),
    (3, None, None, None),
]


@pytest.fixture(scope="module")
def database_with_shirts(database: Engine) -> Iterator[Engine]:
    shirts.create(database)
    yield database
    shirts.drop(database)


@pytest.fixture
def connection(database_with_shirts: Engine) -> Iterator[Connection]:
    """A transaction with three rows, which is rolled back."""
    with database_with_shirts.connect() as connection:
        connection.execute(insert(shirts), [dict(zip(NAMES, row, strict=True)) for row in ROWS])
        yield connection


def ids(connection: Connection, condition: Any) -> list[int]:
    return [*connection.scalars(select(id_).where(condition).order_by(id_))]


def test_json_and_arrays_are_read_back_unchanged(connection: Connection) -> None:
    rows = connection.execute(select(shirts).order_by(id_)).all()
    assert [row.settings for row in rows] == [row[1] for row in ROWS]
    assert [row.labels for row in rows] == [["b", "a", "b"], ["a,b", '"', "é"], None]
    assert [row.sizes for row in rows] == [[2, 1], [], None]


def test_none_is_stored_as_null(connection: Connection) -> None:
    for column in (settings, labels, sizes):
        assert ids(connection, column.is_(None)) == [3]
    connection.execute(update(shirts).values(settings=None))
    assert ids(connection, settings.is_(None)) == [1, 2, 3]


def test_json_can_be_filtered_by_key(connection: Connection) -> None:
    assert ids(connection, settings["theme"].as_string() == "dark") == [1]
    assert ids(connection, settings[("size", "x")].as_float() > 1) == [1]
    assert ids(connection, settings["gone"].as_string() == "dark") == []


def test_arrays_can_be_filtered_by_element(connection: Connection) -> None:
    assert ids(connection, has(labels, "b")) == [1]
    assert ids(connection, has(labels, "a")) == [1]
    assert ids(connection, has(labels, '"')) == [2]
    assert ids(connection, has(labels, "")) == []
    assert ids(connection, has(sizes, 2)) == [1]
    assert ids(connection, has(sizes, 0)) == []
    assert ids(connection, ~has(sizes, 1)) == [2]
