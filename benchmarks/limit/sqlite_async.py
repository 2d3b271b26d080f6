import asyncio
import os
from typing import Any

import aiosqlite

from limit.app import Row, create_app
from limit.text import READERS, SETUP, Text


class Database(Text):
    """SQLite allows one writer at a time, so one connection writes."""

    async def open(self) -> None:
        self.all = [await self._connect() for _ in range(READERS + 1)]
        self.writer, *readers = self.all
        self.readers: asyncio.Queue[aiosqlite.Connection] = asyncio.Queue()
        for reader in readers:
            self.readers.put_nowait(reader)

    async def _connect(self) -> aiosqlite.Connection:
        path = os.environ["DATABASE_URL"].removeprefix("sqlite:///")
        connection = await aiosqlite.connect(path, isolation_level=None)
        for statement in SETUP:
            await connection.execute(statement)
        return connection

    async def close(self) -> None:
        for connection in self.all:
            await connection.close()

    async def read(self, statement: str, *parameters: Any) -> list[Row]:
        connection = await self.readers.get()
        try:
            return list(await connection.execute_fetchall(statement, parameters))
        finally:
            self.readers.put_nowait(connection)

    async def write(self, statement: str, *parameters: Any) -> list[Row]:
        return list(await self.writer.execute_fetchall(statement, parameters))


app = create_app(Database())
