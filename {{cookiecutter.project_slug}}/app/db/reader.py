"""What reading repositories have for a connection."""

from typing import Any

from sqlalchemy import {% if cookiecutter.concurrency == 'sync' %}Engine, {% endif %}Executable, Result, exc
{% if cookiecutter.concurrency == 'async' -%}
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.util import greenlet_spawn
{% endif %}

from app.repositories.errors import Unavailable


{% if cookiecutter.concurrency == 'async' %}
class Reader:
    """Lends a connection to each statement, for no longer than that.

    `AsyncConnection` would enter SQLAlchemy three times for one statement: to get a connection,
    for the statement, and in a task of its own to give the connection back.
    """

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine.sync_engine

    async def execute(self, statement: Executable, parameters: Any = None) -> Result[Any]:
        try:
            return await greenlet_spawn(self._execute, statement, parameters)
        except exc.TimeoutError as error:
            raise Unavailable("Every connection to the database is in use.") from error

    def _execute(self, statement: Executable, parameters: Any) -> Result[Any]:
        with self._engine.connect() as connection:
            return connection.execute(statement, parameters).freeze()()
{% else %}
class Reader:
    """Lends a connection to each statement, for no longer than that."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def execute(self, statement: Executable, parameters: Any = None) -> Result[Any]:
        try:
            with self._engine.connect() as connection:
                return connection.execute(statement, parameters).freeze()()
        except exc.TimeoutError as error:
            raise Unavailable("Every connection to the database is in use.") from error
{% endif %}
