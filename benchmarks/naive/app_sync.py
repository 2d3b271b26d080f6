import os
from collections.abc import Iterator
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, FastAPI, HTTPException, Query
from sqlalchemy import create_engine, event, select, tuple_
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, sessionmaker

from naive.models import Item
from naive.schemas import (
    ItemCreate,
    ItemPage,
    ItemRead,
    ItemUpdate,
    decode_cursor,
    encode_cursor,
)
from naive.sqlite import set_pragmas

engine = create_engine(os.environ["DATABASE_URL"])
if engine.dialect.name == "sqlite":
    event.listen(engine, "connect", set_pragmas)
SessionLocal = sessionmaker(engine, expire_on_commit=False)
app = FastAPI()


def get_session() -> Iterator[Session]:
    with SessionLocal() as session:
        yield session


SessionDep = Annotated[Session, Depends(get_session)]


@app.get("/livez")
def livez() -> dict[str, str]:
    return {"status": "ok"}


@app.post("/v1/items", status_code=201, response_model=ItemRead)
def create_item(new: ItemCreate, session: SessionDep) -> Item:
    item = Item(**new.model_dump())
    session.add(item)
    try:
        session.commit()
    except IntegrityError:
        raise HTTPException(409, "This name is taken.") from None
    return item


@app.get("/v1/items", response_model=ItemPage)
def list_items(
    session: SessionDep,
    limit: Annotated[int, Query(ge=1, le=100)] = 50,
    cursor: str | None = None,
    name_contains: str | None = None,
    is_active: bool | None = None,
) -> Any:
    statement = select(Item).order_by(Item.created_at, Item.id).limit(limit + 1)
    if cursor is not None:
        statement = statement.where(tuple_(Item.created_at, Item.id) > decode_cursor(cursor))
    if name_contains is not None:
        statement = statement.where(Item.name.contains(name_contains, autoescape=True))
    if is_active is not None:
        statement = statement.where(Item.is_active == is_active)
    found = session.scalars(statement).all()
    items = found[:limit]
    last = items[-1] if len(found) > limit else None
    return {"items": items, "next_cursor": last and encode_cursor(last.created_at, last.id)}


@app.get("/v1/items/{item_id}", response_model=ItemRead)
def read_item(item_id: UUID, session: SessionDep) -> Item:
    item = session.get(Item, item_id)
    if item is None:
        raise HTTPException(404, "There is no such item.")
    return item


@app.patch("/v1/items/{item_id}", response_model=ItemRead)
def update_item(item_id: UUID, changes: ItemUpdate, session: SessionDep) -> Item:
    item = session.get(Item, item_id)
    if item is None:
        raise HTTPException(404, "There is no such item.")
    for name, value in changes.model_dump(exclude_unset=True).items():
        setattr(item, name, value)
    try:
        session.commit()
    except IntegrityError:
        raise HTTPException(409, "This name is taken.") from None
    return item


@app.delete("/v1/items/{item_id}", status_code=204)
def delete_item(item_id: UUID, session: SessionDep) -> None:
    item = session.get(Item, item_id)
    if item is None:
        raise HTTPException(404, "There is no such item.")
    session.delete(item)
    session.commit()
