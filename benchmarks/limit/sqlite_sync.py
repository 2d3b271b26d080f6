import os
import sqlite3
from queue import SimpleQueue
from typing import Any

from starlette.concurrency import run_in_threadpool

from limit.app import Row, create_app
from limit.text import READERS, SETUP, Text

Connections = SimpleQueue[sqlite3.Connection]


class Database(Text):
    """SQLite allows one writer at a time, so one connection writes."""

    async def open(self) -> None:
        self.readers, self.writers = Connections(), Connections()
        for _ in range(READERS):
            self.readers.put(self._connect())
        self.writers.put(self._connect())

    def _connect(self) -> sqlite3.Connection:
        path = os.environ["DATABASE_URL"].removeprefix("sqlite:///")
        connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        for statement in SETUP:
            connection.execute(statement)
        return connection

    async def close(self) -> None:
        for connections in (self.readers, self.writers):
            while not connections.empty():
                connections.get().close()

    async def read(self, statement: str, *parameters: Any) -> list[Row]:
        return await run_in_threadpool(self._run, self.readers, statement, parameters)

    async def write(self, statement: str, *parameters: Any) -> list[Row]:
        return await run_in_threadpool(self._run, self.writers, statement, parameters)

    def _run(self, connections: Connections, statement: str, parameters: Row) -> list[Row]:
        connection = connections.get()
        try:
            return connection.execute(statement, parameters).fetchall()
        finally:
            connections.put(connection)


app = create_app(Database())
