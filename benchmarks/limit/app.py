"""The routes; a module beside this one accesses the database."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Protocol

import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

FIELDS = (
    "id",
    "created_at",
    "updated_at",
    "name",
    "description",
    "quantity",
    "is_active",
    "available_from",
)
COLUMNS = ", ".join(FIELDS)

Row = Sequence[Any]


class Database(Protocol):
    """A driver with its connections."""

    parameter: str

    async def open(self) -> None: ...
    async def close(self) -> None: ...
    async def read(self, statement: str, *parameters: Any) -> list[Row]: ...
    async def write(self, statement: str, *parameters: Any) -> list[Row]: ...
    def new_id(self) -> Any: ...
    def now(self) -> Any: ...


def tables(uuid: str, instant: str) -> tuple[str, str]:
    return (
        f"""
        CREATE TABLE items (
            id {uuid} PRIMARY KEY, created_at {instant} NOT NULL, updated_at {instant} NOT NULL,
            name VARCHAR(128) NOT NULL UNIQUE, description VARCHAR(2000),
            quantity INTEGER NOT NULL CHECK (quantity >= 0), is_active BOOLEAN NOT NULL,
            available_from {instant}
        )
        """,
        "CREATE INDEX ix_items_created_at_id ON items (created_at, id)",
    )


def insertion(parameter: str) -> str:
    parameters = ", ".join([parameter] * len(FIELDS))
    return f"INSERT INTO items ({COLUMNS}) VALUES ({parameters})"


def as_item(row: Row) -> dict[str, Any]:
    item = dict(zip(FIELDS, row, strict=True))
    item["is_active"] = bool(item["is_active"])  # SQLite stores booleans as numbers
    return item


def json_response(content: Any, status: int = 200) -> Response:
    body = orjson.dumps(content, option=orjson.OPT_UTC_Z)
    return Response(body, status, media_type="application/json")


def create_app(database: Database) -> Starlette:
    param = database.parameter
    get = f"SELECT {COLUMNS} FROM items WHERE id = {param}"
    page = f"SELECT {COLUMNS} FROM items ORDER BY created_at, id LIMIT {param}"
    insert = f"{insertion(param)} RETURNING {COLUMNS}"
    update = (
        f"UPDATE items SET quantity = {param}, updated_at = {param} WHERE id = {param} "
        f"RETURNING {COLUMNS}"
    )

    async def livez(_: Request) -> Response:
        return json_response({"status": "ok"})

    async def read_item(request: Request) -> Response:
        rows = await database.read(get, request.path_params["item_id"])
        return (
            json_response(as_item(rows[0])) if rows else json_response({"detail": "Not Found"}, 404)
        )

    async def list_items(request: Request) -> Response:
        limit = int(request.query_params.get("limit", 50))
        rows = await database.read(page, limit + 1)
        items = [as_item(row) for row in rows[:limit]]
        cursor = f"{items[-1]['created_at']}_{items[-1]['id']}" if len(rows) > limit else None
        return json_response({"items": items, "next_cursor": cursor})

    async def create_item(request: Request) -> Response:
        new, now = orjson.loads(await request.body()), database.now()
        optional = (new.get("description"), new.get("quantity", 0), new.get("is_active", True))
        values = (database.new_id(), now, now, new["name"], *optional, new.get("available_from"))
        rows = await database.write(insert, *values)
        return json_response(as_item(rows[0]), 201)

    async def update_item(request: Request) -> Response:
        changes, id_ = orjson.loads(await request.body()), request.path_params["item_id"]
        rows = await database.write(update, changes["quantity"], database.now(), id_)
        return (
            json_response(as_item(rows[0])) if rows else json_response({"detail": "Not Found"}, 404)
        )

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        await database.open()
        yield
        await database.close()

    routes = [
        Route("/livez", livez),
        Route("/v1/items", list_items, methods=["GET"]),
        Route("/v1/items", create_item, methods=["POST"]),
        Route("/v1/items/{item_id}", read_item, methods=["GET"]),
        Route("/v1/items/{item_id}", update_item, methods=["PATCH"]),
    ]
    return Starlette(routes=routes, lifespan=lifespan)
