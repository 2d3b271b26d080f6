"""`make backup` and `make restore`, on the real database."""

import re
import secrets
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine, create_engine, select, text

from app.db.migrate import head
from app.db.tables import Base
from app.settings import Settings
from tests.conftest import Start, settings_for
from tests.database import UNREACHABLE_URL, throwaway_database
from tests.widgets import create_app
from tools import backup

Tool = Callable[..., str]


@pytest.fixture
def tool(
    settings: Settings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Tool:
    """Returns a function: `tool("make")` returns the output; the current folder is temporary."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str, url: str = "") -> str:
        database = url or settings.database_url.get_secret_value()
        monkeypatch.setenv("DATABASE_URL", database)
        backup.main(arguments)
        return capsys.readouterr().out

    return call


@pytest.fixture
def empty_url(database: Engine, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The URL of a second, empty database."""
    monkeypatch.setenv("TEST_DATABASE_URL", database.url.render_as_string(hide_password=False))
    with throwaway_database() as url:
        yield url


@pytest.fixture
def widgets(settings: Settings) -> list[dict[str, Any]]:
    """Creates widgets with all kinds of values."""
    with TestClient(create_app(settings)) as client:
        return [
            client.post("/v1/widgets", json=widget).json()
            for widget in (
                {"name": "Ünï ‱ \\ 'quoted' \"twice\"", "description": None},
                {"name": "bolt\n\t", "description": "", "quantity": 2**31 - 1},
                {"name": "😀", "available_from": "2026-02-03T04:05:06.000007+08:00"},
                *({"name": str(n), "description": secrets.token_hex(1000)} for n in range(10)),
            )
        ]


def rows(url: str) -> dict[str, list[Any]]:
    engine = create_engine(url)
    with engine.connect() as connection:
        found = {
            name: sorted(map(repr, connection.execute(select(table))))
            for name, table in Base.metadata.tables.items()
        }
    engine.dispose()
    return found


def has_tables(url: str) -> bool:
    """Returns whether the database has tables."""
    engine = create_engine(url)
    with engine.connect() as connection:
        found = bool(engine.dialect.get_table_names(connection))
    engine.dispose()
    return found


def page(url: str) -> bytes:
    with TestClient(create_app(settings_for(url))) as client:
        return client.get("/v1/widgets?sort=name").content


def test_restore_returns_the_same_rows(
    tool: Tool, settings: Settings, widgets: list[dict[str, Any]], empty_url: str
) -> None:
    output = tool("make")
    (file,) = Path("backups").iterdir()
    assert re.fullmatch(rf"{file}: {file.stat().st_size} bytes\n", output)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d{6}Z\.\w+", file.name)
    output = tool("restore", str(file), url=empty_url)
    assert output == f"Restored {file} at revision {head()}, the newest.\n"
    assert len(widgets) == 13
    before = settings.database_url.get_secret_value()
    assert rows(empty_url) == rows(before)
    assert page(empty_url) == page(before)


def test_the_command_writes_a_private_file(
    settings: Settings, tmp_path: Path, start: Start
) -> None:
    path = tmp_path / "copy"
    url = settings.database_url.get_secret_value()
    process = start("-m", "tools.backup", "make", str(path), variables={"DATABASE_URL": url})
    output, _ = process.communicate()
    assert output == f"{path}: {path.stat().st_size} bytes\n"
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_backup_during_writes_is_one_snapshot(
    tool: Tool, settings: Settings, empty_url: str
) -> None:
    """A writer adds widgets in pairs; the backup must not contain half a pair."""
    stop, first = threading.Event(), threading.Event()
    database = create_engine(settings.database_url.get_secret_value())
    columns = "id, name, quantity, is_active, version, created_at, updated_at"
    statement = text(
        f"INSERT INTO widgets ({columns}) "  # noqa: S608 - no external values
        "VALUES (:id, :name, 1, true, 1, '2026-01-01 00:00:00', '2026-01-01 00:00:00')"
    )

    def write() -> None:
        number = 0
        while not stop.is_set():
            pair = [{"id": f"{one:032x}", "name": str(one)} for one in (number, number + 1)]
            with database.begin() as connection:
                connection.execute(statement, pair)
            number += 2
            first.set()

    writer = threading.Thread(target=write)
    writer.start()
    try:
        assert first.wait(10)
        for number in range(3):
            tool("make", f"{number}.backup")
    finally:
        stop.set()
        writer.join()
        database.dispose()
    tool("restore", "2.backup", url=empty_url)
    found = rows(empty_url)["widgets"]
    assert found
    assert len(found) % 2 == 0
    assert len(found) <= len(rows(settings.database_url.get_secret_value())["widgets"])


def test_no_backup_is_overwritten(tool: Tool) -> None:
    Path("mine").write_text("mine")
    with pytest.raises(SystemExit, match="mine already exists: choose another path"):
        tool("make", "mine")
    assert Path("mine").read_text() == "mine"
    assert [path.name for path in Path().iterdir()] == ["mine"]


def test_two_processes_do_not_write_the_same_backup(tool: Tool) -> None:
    Path("mine.part").write_text("another's")
    with pytest.raises(SystemExit, match=r"mine\.part exists"):
        tool("make", "mine")
    assert Path("mine.part").read_text() == "another's"


def test_a_backup_that_fails_leaves_no_file(tool: Tool, empty_url: str, tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="Backup failed: "):
        tool("make", "copy", url=UNREACHABLE_URL)
    assert not has_tables(empty_url)
    with pytest.raises(SystemExit, match="has no tables of this service"):
        tool("make", "copy", url=empty_url)
    assert list(tmp_path.iterdir()) == []


def test_restore_requires_an_empty_database(
    tool: Tool, settings: Settings, widgets: list[dict[str, Any]]
) -> None:
    tool("make", "copy")
    before = rows(settings.database_url.get_secret_value())
    with pytest.raises(SystemExit, match="has tables"):
        tool("restore", "copy")
    assert len(widgets) == 13
    assert rows(settings.database_url.get_secret_value()) == before


def test_an_invalid_backup_changes_nothing(
    tool: Tool, widgets: list[dict[str, Any]], empty_url: str
) -> None:
    tool("make", "complete")
    assert len(widgets) == 13
    complete = Path("complete").read_bytes()
    for content in (None, b"", b"not a backup", complete[:-4096]):
        if content is not None:
            Path("broken").write_bytes(content)
        with pytest.raises(SystemExit, match="Restore failed: "):
            tool("restore", "broken", url=empty_url)
        assert not has_tables(empty_url)
    tool("restore", "complete", url=empty_url)


MESSAGES = {
    "older": f": `make migrate` upgrades it to {head()}.",
    "newer": ", which is newer than this code: update the code.",
}


@pytest.mark.parametrize("revision", MESSAGES)
def test_restore_reports_the_revision_of_the_backup(
    tool: Tool, database: Engine, empty_url: str, monkeypatch: pytest.MonkeyPatch, revision: str
) -> None:
    monkeypatch.setattr(backup, "outdated", lambda _: {"older"})
    update_statement = text("UPDATE alembic_version SET version_num = :revision")
    with database.begin() as connection:
        connection.execute(update_statement, {"revision": revision})
    try:
        tool("make", "copy")
    finally:
        with database.begin() as connection:
            connection.execute(update_statement, {"revision": head()})
    output = tool("restore", "copy", url=empty_url)
    assert output == f"Restored copy at revision {revision}{MESSAGES[revision]}\n"
