import os
from typing import Any

from psycopg_pool import ConnectionPool
from starlette.concurrency import run_in_threadpool

from limit.app import Row, create_app
from limit.native import POOL, Native


class Database(Native):
    async def open(self) -> None:
        self.pool = ConnectionPool(os.environ["DATABASE_URL"], **POOL)
        self.pool.open()

    async def close(self) -> None:
        self.pool.close()

    async def read(self, statement: str, *parameters: Any) -> list[Row]:
        return await run_in_threadpool(self._run, statement, parameters)

    write = read

    def _run(self, statement: str, parameters: Row) -> list[Row]:
        with self.pool.connection() as connection:
            return list(connection.execute(statement, parameters, binary=True).fetchall())


app = create_app(Database())
