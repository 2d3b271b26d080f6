"""Alembic, called from code: with the URL of the settings, and without a configuration file."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory

from app.settings import Settings

FOLDER = Path(__file__).parent / "migrations"


def config(settings: Settings) -> Config:
    """What `env.py` and Alembic's commands need; `command.upgrade(config(settings), "head")`."""
    made = Config(attributes={"settings": settings})
    made.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    return made


def upgrade(settings: Settings) -> None:
    command.upgrade(config(settings), "head")


def head() -> str | None:
    """The newest revision in the code."""
    return ScriptDirectory(FOLDER).get_current_head()
