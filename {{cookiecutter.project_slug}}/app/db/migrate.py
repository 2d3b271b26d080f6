"""Alembic, called from code: with the URL of the settings, and without a configuration file."""

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
    """What `env.py` and Alembic's commands need; `command.upgrade(config(settings), "head")`."""
    made = Config(attributes={"settings": settings})
    made.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    return made


def upgrade(settings: Settings) -> None:
    command.upgrade(config(settings), "head")


def head(script: ScriptDirectory | None = None) -> str | None:
    """The newest revision in the code, or else in `script`; there has to be one."""
    heads = (script or ScriptDirectory(FOLDER)).get_heads()
    if len(heads) > 1:
        raise CommandError(
            f"There are {len(heads)} newest revisions, {' and '.join(sorted(heads))}: "
            "join them with make migration-merge."
        )
    return heads[0] if heads else None


def outdated(head: str | None) -> set[str | None]:
    """Revisions on which this code cannot work: those before `head`, and none at all.

    One that it does not know is newer: while a release replaces its services one by one, those
    that are still there have to work on the next schema.
    """
    return {None, *(one.revision for one in ScriptDirectory(FOLDER).walk_revisions())} - {head}


def render_item(kind: str, item: Any, autogenerate: AutogenContext) -> str | Literal[False]:
    """Revisions outlive the code, so they spell the type that a column has in the database."""
    if kind == "type" and isinstance(item, TypeDecorator) and autogenerate.dialect:
        return f"sa.{item.load_dialect_impl(autogenerate.dialect)!r}"
    return False
