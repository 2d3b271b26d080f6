"""Tables whose rows belong to one user each: statements have to name the owner.

A forgotten WHERE would show the rows of others, and no test with a single user would fail. So the
session adds it, and rejects a statement without an owner.
https://docs.sqlalchemy.org/en/21/orm/session_events.html#adding-global-where-on-criteria
"""

from typing import Any

from sqlalchemy import String, Table, event
from sqlalchemy.orm import Mapped, ORMExecuteState, Session, mapped_column, with_loader_criteria
from sqlalchemy.sql.visitors import iterate

from app.db.base import BY_CODE_POINT, Base, EntityTable

# The execution option `owner` of a statement, and its value for the rows of all users.
OWNER = "owner"
EVERYBODY = object()


class OwnedRow(Base):
    __abstract__ = True

    owner: Mapped[str] = mapped_column(String(255, collation=BY_CODE_POINT))
    """`User.subject`; in no schema, so no client can set or see it."""


class OwnedTable(OwnedRow, EntityTable):
    __abstract__ = True


class Unscoped(Exception):
    def __init__(self, tables: set[str]) -> None:
        super().__init__(
            f"The rows of {', '.join(sorted(tables))} belong to users: use `.of(user)` and its "
            "`scoped(statement)`, or execution_options(owner=EVERYBODY). A statement of expressions "
            "alone needs select_from() or a column too."
        )


def owned_classes() -> list[type[OwnedRow]]:
    """Returns the classes, sorted by the names of their tables."""
    classes = (mapper.class_ for mapper in OwnedRow.registry.mappers)
    owned = (table for table in classes if issubclass(table, OwnedRow))
    return sorted(owned, key=lambda table: table.__tablename__)


def owned_tables(state: ORMExecuteState) -> set[str]:
    statement: Any = state.statement
    names = {table.__tablename__ for table in owned_classes()}
    return {
        element.name
        for element in iterate(statement)
        if isinstance(element, Table) and element.name in names
    }


@event.listens_for(Session, "do_orm_execute")
def add_owner(state: ORMExecuteState) -> None:
    if state.is_insert or state.is_column_load or state.is_relationship_load:
        return  # the last two load for rows that were already scoped
    owner = state.execution_options.get(OWNER)
    if owner is EVERYBODY:
        return
    classes = (mapper.class_ for mapper in state.all_mappers)
    owned = {table.__tablename__ for table in classes if issubclass(table, OwnedRow)}
    # Without a column, as in `select(func.count().filter(...))`, no criteria can be added.
    without_column = set() if state.is_orm_statement else owned_tables(state)
    if without_column or (owned and owner is None):
        raise Unscoped(owned | without_column)
    # Applies to joins and subqueries too. Without an owner it is NULL, which matches no row.
    is_own = with_loader_criteria(
        OwnedRow, lambda table: table.owner == owner, include_aliases=True
    )
    state.statement = state.statement.options(is_own)
