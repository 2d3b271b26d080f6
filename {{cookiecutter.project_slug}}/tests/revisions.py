"""Alembic with revisions from other folders."""

from pathlib import Path

from alembic.config import Config

from app.db.migrate import config
from app.settings import Settings


def config_for(settings: Settings, *folders: Path) -> Config:
    alembic = config(settings)
    alembic.set_main_option("path_separator", "newline")
    alembic.set_main_option("version_locations", "\n".join(map(str, folders)))
    return alembic
