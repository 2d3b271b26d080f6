"""`make copy-data`, from an SQLite file in the format that the service writes."""

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest
from sqlalchemy import (
    URL,
    Column,
    Engine,
    Integer,
    MetaData,
    Numeric,
    Table,
    make_url,
    select,
)

from app.db.migrate import head
from app.db.tables import Base, ItemTable
from app.settings import Settings
from tests.database import UNREACHABLE_URL, blocked_writers
from tools import copy_data, rows

ITEMS = """
    CREATE TABLE items (
        id CHAR(32) PRIMARY KEY, name VARCHAR(128) NOT NULL, description VARCHAR(2000),
        quantity INTEGER NOT NULL, is_active BOOLEAN NOT NULL, available_from DATETIME,
        version INTEGER NOT NULL, created_at DATETIME NOT NULL, updated_at DATETIME NOT NULL
    )
"""
COLUMNS = tuple(ItemTable.__table__.columns.keys())
NOON = "2026-01-02 12:00:00.000001"
ID = f"{1:032x}"
# The format of SQLite services: ids without hyphens, timestamps in UTC without an offset.
ITEM: dict[str, Any] = {
    "id": ID,
    "name": "bolt",
    "description": None,
    "quantity": 1,
    "is_active": 1,
    "available_from": None,
    "version": 1,
    "created_at": NOON,
    "updated_at": NOON,
}


@pytest.fixture
def source(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    """Creates an empty SQLite file in the test's folder."""
    with closing(sqlite3.connect(tmp_path / "service.db", isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(ITEMS)
        for table in Base.metadata.sorted_tables:
            columns = ", ".join(f'"{name}"' for name in [*table.columns.keys()])
            connection.execute(f'CREATE TABLE IF NOT EXISTS "{table.name}" ({columns})')
        connection.execute("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)")
        connection.execute("INSERT INTO alembic_version VALUES (?)", [head()])
        yield connection


@pytest.fixture
def target(settings: Settings) -> URL:
    return make_url(settings.database_url.get_secret_value())


def put(source: sqlite3.Connection, *items: dict[str, Any]) -> None:
    marks = ", ".join("?" for _ in COLUMNS)
    rows = [[(ITEM | item)[column] for column in COLUMNS] for item in items]
    source.executemany(f"INSERT INTO items VALUES ({marks})", rows)  # noqa: S608


def copy(folder: Path, target: URL) -> None:
    to = target.render_as_string(hide_password=False)
    copy_data.main([f"sqlite:///{folder}/service.db", to])


def found(database: Engine) -> list[Any]:
    with database.connect() as connection:
        return list(connection.execute(select(ItemTable.__table__).order_by(ItemTable.id)))


def refusal(folder: Path, target: URL) -> str:
    with pytest.raises(SystemExit) as exit_:
        copy(folder, target)
    return str(exit_.value)


def test_every_row_is_copied_unchanged(
    source: sqlite3.Connection,
    target: URL,
    tmp_path: Path,
    database: Engine,
    capsys: pytest.CaptureFixture[str],
) -> None:
    put(
        source,
        {},
        {"id": f"{2:032x}", "name": "Ünï ‱ \\N \t\n'\"", "description": "", "is_active": 0},
        {"id": f"{3:032x}", "name": "😀", "available_from": "9999-12-31 23:59:59.999999"},
        {"id": "f" * 32, "name": "", "available_from": "0001-01-01 00:00:00"},
        *({"id": f"{number:032x}", "name": str(number)} for number in range(10, 2500)),
    )
    before = {path.name: path.read_bytes() for path in tmp_path.glob("*.db")}
    copy(tmp_path, target)
    count = "Copied 2494 rows. Row counts and checksums match.\n"
    # Standard output is not a terminal, so there is no progress bar.
    assert capsys.readouterr() == (count, "")
    copied = found(database)
    noon = datetime(2026, 1, 2, 12, 0, 0, 1, UTC)
    assert copied[0] == (UUID(ID), "bolt", None, 1, True, None, 1, noon, noon)
    assert [row.name for row in copied[:3]] == ["bolt", "Ünï ‱ \\N \t\n'\"", "😀"]
    assert copied[2].available_from == datetime.max.replace(tzinfo=UTC)
    assert copied[-1].available_from == datetime.min.replace(tzinfo=UTC)
    assert len(copied) == 2494
    assert {path.name: path.read_bytes() for path in tmp_path.glob("*.db")} == before


ODD: list[tuple[str, Any]] = [
    ("name", "a\0b"),
    ("name", b"\xff"),
    ("name", "x" * 129),
    ("name", sqlite3.Binary(b"bolt")),
    ("is_active", 7),
    ("is_active", "yes"),
    ("quantity", 2**31),
    ("quantity", "many"),
    ("available_from", "soon"),
    ("available_from", "2026-01-02 12:00:00+02:00"),
    ("created_at", "2026-13-01 00:00:00"),
    ("id", "not an id"),
]


@pytest.mark.parametrize("odd", ODD, ids=str)
def test_an_invalid_value_is_reported_and_nothing_is_copied(
    source: sqlite3.Connection, target: URL, tmp_path: Path, database: Engine, odd: tuple[str, Any]
) -> None:
    column, value = odd
    id_ = "ffffffff-0000-0000-0000-000000000000"
    last = {"id": id_.replace("-", ""), "name": "odd", column: value}
    put(source, *({"id": f"{number:032x}", "name": str(number)} for number in range(1500)), last)
    if value == b"\xff":
        source.execute("UPDATE items SET name = CAST(name AS TEXT)")
    message = refusal(tmp_path, target)
    named = value if column == "id" else id_
    assert message.startswith(f"Nothing was copied: items, id {named}, column {column}: ")
    assert "\n" not in message
    assert found(database) == []


BROKEN: dict[str, dict[str, Any]] = {
    "constraint uq_items_name": {"name": "7"},
    "constraint ck_items_quantity": {"quantity": -1},
    "column quantity": {"quantity": None},
}


@pytest.mark.parametrize("broken", BROKEN)
def test_a_violated_constraint_is_reported(
    source: sqlite3.Connection, target: URL, tmp_path: Path, database: Engine, broken: str
) -> None:
    source.execute("ALTER TABLE items RENAME TO strict_items")
    source.execute(ITEMS.replace(" NOT NULL", ""))
    last = {"id": "f" * 32, "name": "odd"} | BROKEN[broken]
    put(source, *({"id": f"{number:032x}", "name": str(number)} for number in range(1500)), last)
    source.execute("DROP TABLE strict_items")
    message = refusal(tmp_path, target)
    id_ = UUID("f" * 32)
    assert message.startswith(f"Nothing was copied: items, id {id_}, {broken}: ")
    assert "Failing row" not in message
    assert found(database) == []


def test_decimals_keep_their_values() -> None:
    """On SQLite, decimals are integers in units of the last decimal place."""
    table = Table("prices", MetaData(), Column("id", Integer, primary_key=True))
    table.append_column(Column("price", Numeric(18, 4)))
    table.append_column(Column("share", Numeric(18, 4)))
    table.append_column(Column("fee", Numeric(12, 2)))
    with closing(sqlite3.connect(":memory:")) as source:
        source.execute(
            "CREATE TABLE prices (id INTEGER, price BIGINT, share NUMERIC(18, 4), fee BIGINT)"
        )
        source.execute("INSERT INTO prices VALUES (1, 99900, 9.99, 999), (2, NULL, NULL, NULL)")
        nine = Decimal("9.99")
        prices = [(1, nine, nine, nine), (2, None, None, None)]
        assert [*rows.read(source, table)] == prices


def test_json_and_arrays_keep_their_values() -> None:
    table = Table("shirts", MetaData(), Column("id", Integer, primary_key=True))
    types = Base.registry.type_annotation_map
    table.append_column(Column("settings", types[dict[str, Any]]))
    table.append_column(Column("labels", types[list[str]]))
    with closing(sqlite3.connect(":memory:")) as source:
        source.execute("CREATE TABLE shirts (id INTEGER, settings JSON, labels JSON)")
        values = (1, '{"a": [1.5, null]}', '["b", "a"]')
        source.execute("INSERT INTO shirts VALUES (?, ?, ?), (2, NULL, NULL)", values)
        shirts = [(1, {"a": [1.5, None]}, ["b", "a"]), (2, None, None)]
        assert [*rows.read(source, table)] == shirts


# How rows may change while they are copied.
TRIGGER = """
    CREATE FUNCTION meddle() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN {} END $$;
    CREATE TRIGGER meddle BEFORE INSERT ON items FOR EACH ROW EXECUTE FUNCTION meddle()
"""


@pytest.mark.parametrize(
    ("meddle", "message"),
    [
        ("RETURN NULL;", "items: wrote 1 rows but read back 0, with a different checksum."),
        (
            "NEW.quantity = 7; RETURN NEW;",
            "items: wrote 1 rows but read back 1, with a different checksum.",
        ),
    ],
    ids=["lost", "changed"],
)
def test_changed_rows_are_detected_before_commit(
    source: sqlite3.Connection, target: URL, tmp_path: Path, meddle: str, message: str
) -> None:
    put(source, {})
    with closing(psycopg.connect(target.render_as_string(hide_password=False))) as connection:
        connection.execute(TRIGGER.format(meddle))
        connection.commit()
        try:
            assert refusal(tmp_path, target) == f"Nothing was copied: {message}"
        finally:
            connection.execute("DROP TRIGGER meddle ON items; DROP FUNCTION meddle")
            connection.commit()


def test_a_target_with_rows_is_rejected(
    source: sqlite3.Connection, target: URL, tmp_path: Path, database: Engine
) -> None:
    put(source, {})
    copy(tmp_path, target)
    before = found(database)
    message = refusal(tmp_path, target)
    assert message == "Nothing was copied: the target is not empty: items has rows."
    assert found(database) == before != []


def test_a_locked_target_is_rejected_at_once(
    source: sqlite3.Connection, target: URL, tmp_path: Path
) -> None:
    put(source, {})
    with blocked_writers(target.render_as_string(hide_password=False)):
        assert "lock timeout" in refusal(tmp_path, target)


def test_a_target_without_tables_is_rejected(
    unmigrated: Settings, source: sqlite3.Connection, tmp_path: Path
) -> None:
    put(source, {})
    message = refusal(tmp_path, make_url(unmigrated.database_url.get_secret_value()))
    assert "the target has no tables: run `make migrate` with DATABASE_URL set to it." in message


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("UPDATE alembic_version SET version_num = 'old'", "the file is at revision old, the code"),
        (
            "CREATE TABLE mine (id INTEGER)",
            "only the file or only the code has these tables: mine.",
        ),
        ("DROP TABLE items", "only the file or only the code has these tables: items."),
        ("DROP TABLE alembic_version", "no such table: alembic_version"),
    ],
)
def test_a_file_with_another_schema_is_rejected(
    source: sqlite3.Connection, target: URL, tmp_path: Path, change: str, message: str
) -> None:
    source.execute(change)
    assert message in refusal(tmp_path, target)


def test_a_file_that_is_not_a_database_is_rejected(target: URL, tmp_path: Path) -> None:
    path = tmp_path / "service.db"
    path.write_text("# Not a database\n")
    assert refusal(tmp_path, target) == f"Nothing was copied: {path}: file is not a database."


def test_an_interruption_leaves_the_target_unchanged(
    source: sqlite3.Connection,
    target: URL,
    tmp_path: Path,
    database: Engine,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def stop(*_: Any) -> None:
        raise KeyboardInterrupt

    put(source, {})
    monkeypatch.setattr(copy_data, "compare", stop)
    assert refusal(tmp_path, target) == "Nothing was copied: interrupted."
    assert found(database) == []
    monkeypatch.undo()
    copy(tmp_path, target)
    assert len(found(database)) == 1


@pytest.mark.parametrize(
    ("source", "target", "message"),
    [
        ("service.db", "", "from=service.db is not a URL: use one like from=sqlite:///"),
        ("sqlite:///there.db", "me:secret@a", "to=***@a is not a URL: use one like to=postgres"),
        ("postgresql://a/b", "", "from=postgresql://a/b is for another database: use one like"),
        ("sqlite:///there.db", "sqlite:///there.db", "to=sqlite:///there.db is for another"),
        ("sqlite:////not-there.db", UNREACHABLE_URL, "the file /not-there.db does not exist: "),
        ("sqlite:///.", UNREACHABLE_URL, "the file "),
        ("sqlite:///there.db", UNREACHABLE_URL, "PostgreSQL error: "),
    ],
)
def test_an_invalid_source_or_target_is_rejected(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str, target: str, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("there.db").touch()
    with pytest.raises(SystemExit, match=re.escape(f"Nothing was copied: {message}")):
        copy_data.main([source, target])
    assert [path.name for path in tmp_path.iterdir()] == ["there.db"]
