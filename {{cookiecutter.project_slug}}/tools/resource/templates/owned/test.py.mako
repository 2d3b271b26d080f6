"""Ownership: ORM statements without an owner are rejected."""

import pytest
from sqlalchemy import Executable, delete, func, select, update

from app.db.owned import EVERYBODY, OwnedRow, Unscoped, owned_classes
from app.db.session import SqlStore
from app.db.sql.owned import without_owner
from app.repositories.errors import Conflict

pytestmark = pytest.mark.in_database
each_table = pytest.mark.parametrize("table", owned_classes())


@each_table
async def test_a_statement_without_an_owner_is_rejected(
    sql_store: SqlStore, table: type[OwnedRow]
) -> None:
    statements: list[Executable] = [
        select(table),
        select(func.count(table.owner)),
        select(func.count().filter(table.owner > "")),
        select(func.first_value(table.owner).over(order_by=table.owner)),
        update(table).values(owner="eve"),
        delete(table),
    ]
    async with sql_store.write() as repositories:
        for statement in statements:
            with pytest.raises(Unscoped, match=table.__tablename__):
                await repositories.session.execute(statement)
        everybody = statements[0].execution_options(owner=EVERYBODY)
        assert await repositories.session.scalar(everybody) is None


def test_conflicts_do_not_name_the_owner() -> None:
    with pytest.raises(Conflict) as caught, without_owner():
        raise Conflict("owner", "title")
    assert caught.value.fields == ("title",)
