"""Cached SELECT statements: building one takes as long as the database takes to answer it."""

from functools import cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import Column, ColumnElement, Integer, Select, and_, bindparam, or_, tuple_

from app.schemas.pages import SortKeys

if TYPE_CHECKING:
    from app.db.sql.base import SqlRepository

    AnyRepository = type[SqlRepository[Any, Any, Any, Any]]


@cache
def by_id(repository: "AnyRepository") -> Select[Any]:
    return repository.select().where(repository.table.id == bindparam("id"))


@cache
def page(repository: "AnyRepository", order: SortKeys, follows: bool) -> Select[Any]:
    """Selects up to `limit` rows, after the values `after_<column>` if it `follows` a page."""
    columns = repository.table.__table__.columns
    by = [(columns[field], descending) for field, descending in order]
    statement = repository.select().limit(bindparam("limit", type_=Integer))
    if follows:
        statement = statement.where(_after(by))
    return statement.order_by(
        *(column.desc() if descending else column for column, descending in by)
    )


def _after(order: list[tuple[Column[Any], bool]]) -> ColumnElement[bool]:
    values = [bindparam(f"after_{column.key}", type_=column.type) for column, _ in order]
    (first, descending), *rest = order
    if all(other == descending for _, other in rest):
        here, there = tuple_(*(column for column, _ in order)), tuple_(*values)
        return here < there if descending else here > there
    value = values[0]
    beyond = first < value if descending else first > value
    # The database can find the first row in an index only by a condition outside of the OR.
    within = first <= value if descending else first >= value
    return and_(within, or_(beyond, _after(rest)))
