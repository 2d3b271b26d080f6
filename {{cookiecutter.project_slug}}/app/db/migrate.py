"""Alembic, called from code: with the URL of the settings, without a configuration file."""

from pathlib import Path
from typing import Any, Literal

from alembic import command
from alembic.autogenerate.api import AutogenContext
from alembic.config import Config
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy.types import TypeDecorator

from app.settings import Settings

FOLDER = Path(__file__).parent / "migrations"


def config(settings: Settings) -> Config:
    """Returns Alembic's configuration, as in `command.upgrade(config(settings), "head")`."""
    configuration = Config(attributes={"settings": settings})
    configuration.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    return configuration


def upgrade(settings: Settings) -> None:
    command.upgrade(config(settings), "head")


def head(script: ScriptDirectory | None = None) -> str | None:
    """Returns the newest revision of the code or `script`; raises an error if there are several."""
    heads = (script or ScriptDirectory(FOLDER)).get_heads()
    if len(heads) > 1:
        raise CommandError(
            f"There are {len(heads)} newest revisions, {' and '.join(sorted(heads))}: "
            "join them with make migration-merge."
        )
    return heads[0] if heads else None


def outdated(head: str | None) -> set[str | None]:
    """Returns revisions that are too old for this code: those before `head`, and None (no schema).

    A revision that it does not know is newer: during a rolling update, replicas of the previous
    release have to work on the next schema.
    """
    return {None, *(each.revision for each in ScriptDirectory(FOLDER).walk_revisions())} - {head}


def render_item(kind: str, item: Any, autogenerate: AutogenContext) -> str | Literal[False]:
    """Renders the database type of a column, because revisions outlive the code."""
    if kind == "type" and isinstance(item, TypeDecorator) and autogenerate.dialect:
        return f"sa.{item.load_dialect_impl(autogenerate.dialect)!r}"
    return False
