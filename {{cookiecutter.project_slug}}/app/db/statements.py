"""The statements that are the same for every entity.

Each is built once: SQLAlchemy needs as long to build one as a database to answer it.
"""

from collections.abc import Iterator
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Executable, Integer, Select, bindparam, case, tuple_

from app.db.base import EntityTable, UtcDateTime


@cache
def one(table: type[EntityTable]) -> Select[Any]:
    columns = table.__table__.columns
    return table.__table__.select().where(columns.id == bindparam("id"))


@cache
def page(table: type[EntityTable], sort: str, descending: bool, follows: bool) -> Select[Any]:
    """At most `limit` rows, those after `key` and `id` if one `follows` another page."""
    columns = table.__table__.columns
    order = (columns[sort], columns.id)
    statement = table.__table__.select().limit(bindparam("limit", type_=Integer))
    if follows:
        before = (bindparam("key", type_=order[0].type), bindparam("id", type_=order[1].type))
        here, there = tuple_(*order), tuple_(*before)
        statement = statement.where(here < there if descending else here > there)
    return statement.order_by(*((column.desc() for column in order) if descending else order))


# The names of these parameters begin with what no field's name begins with: SQLAlchemy sets the
# columns that the other parameters name.
def _wanted(table: type[EntityTable], checked: bool) -> Iterator[ColumnElement[bool]]:
    columns = table.__table__.columns
    yield columns.id == bindparam("_id")
    if checked:
        yield columns.version.in_(bindparam("_versions", expanding=True))


@cache
def change(table: type[EntityTable], checked: bool) -> Executable:
    """Changes the row `_id`, if its version is `checked` only where it is one of `_versions`."""
    columns = table.__table__.columns
    # The clock was read before the row's lock was waited for: it must not set another back.
    now, before = bindparam("_now", type_=UtcDateTime()), columns.updated_at
    return (
        table.__table__.update()
        .where(*_wanted(table, checked))
        .values(version=columns.version + 1, updated_at=case((before > now, before), else_=now))
        .returning(*columns)
    )


@cache
def removal(table: type[EntityTable], checked: bool) -> Executable:
    statement = table.__table__.delete().where(*_wanted(table, checked))
    return statement.returning(table.__table__.columns.id)
