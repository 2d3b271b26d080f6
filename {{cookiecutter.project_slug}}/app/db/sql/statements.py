"""The statements that read, each built once: that takes as long as a database takes to answer it."""

from functools import cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import Integer, Select, bindparam, tuple_

if TYPE_CHECKING:
    from app.db.sql.base import SqlRepository

    AnyRepository = type[SqlRepository[Any, Any, Any, Any]]


@cache
def one(repository: "AnyRepository") -> Select[Any]:
    return repository.select().where(repository.table.id == bindparam("id"))


@cache
def page(repository: "AnyRepository", sort: str, descending: bool, follows: bool) -> Select[Any]:
    """At most `limit` rows, those after `key` and `id` if one `follows` another page."""
    columns = repository.table.__table__.columns
    order = (columns[sort], columns.id)
    statement = repository.select().limit(bindparam("limit", type_=Integer))
    if follows:
        before = (bindparam("key", type_=order[0].type), bindparam("id", type_=order[1].type))
        here, there = tuple_(*order), tuple_(*before)
        statement = statement.where(here < there if descending else here > there)
    return statement.order_by(*((column.desc() for column in order) if descending else order))
