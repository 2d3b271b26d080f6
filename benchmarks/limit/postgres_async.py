import os
from typing import Any

from psycopg_pool import AsyncConnectionPool

from limit.app import Row, create_app
from limit.native import POOL, Native


class Database(Native):
    async def open(self) -> None:
        self.pool = AsyncConnectionPool(os.environ["DATABASE_URL"], **POOL)
        await self.pool.open()

    async def close(self) -> None:
        await self.pool.close()

    async def read(self, statement: str, *parameters: Any) -> list[Row]:
        async with self.pool.connection() as connection:
            cursor = await connection.execute(statement, parameters, binary=True)
            return list(await cursor.fetchall())

    write = read


app = create_app(Database())
