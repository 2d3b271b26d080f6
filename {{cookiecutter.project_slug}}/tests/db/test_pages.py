"""Pagination reads each page from an index, so the cost does not depend on its position."""

{% if cookiecutter.database == "sqlite" %}
import re
{% endif %}
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Literal, get_args, get_origin
from uuid import UUID

import pytest
from pydantic import AwareDatetime
{% if cookiecutter.database == "postgres" %}
from sqlalchemy import text
{% endif %}
from uuid_utils.compat import uuid7

from app.db.session import SqlStore
from app.db.sql.base import SqlRepository
from app.db.sql.statements import page
from app.schemas.pages import Query
from tests.api.client import executed


def subclasses(kind: type[Any]) -> Iterator[type[Any]]:
    for subclass in kind.__subclasses__():
        yield from subclasses(subclass)
        yield subclass


def sorts_of(annotation: Any) -> tuple[str, ...]:
    """Returns the values of a `Literal`, or of a tuple of it."""
    arguments = get_args(annotation)
    return arguments if get_origin(annotation) is Literal else get_args(arguments[0])


REPOSITORIES = {
    repository.entity: repository
    for repository in subclasses(SqlRepository)
    if hasattr(repository, "entity")
}
SORTS = [
    (REPOSITORIES[query.entity], sort)
    for query in Query.__subclasses__()
    for sort in sorts_of(query.model_fields["sort"].annotation)
]

VALUES: dict[object, object] = {
    AwareDatetime: datetime.now(UTC),
    bool: True,
    date: date(2026, 1, 31),
    Decimal: Decimal(1),
    float: 1.0,
    int: 1,
    UUID: uuid7(),
}
# Resources owned by users require an owner: docs/ownership.md.
OWN = {"owner": "me"}


@pytest.mark.parametrize(("repository", "sort"), SORTS)
async def test_a_page_is_read_from_an_index(
    sql_store: SqlStore,
    repository: type[SqlRepository[Any, Any, Any, Any]],
    sort: str,
) -> None:
    column, descending = sort.removeprefix("-"), sort.startswith("-")
    statement = page(repository, ((column, descending), ("id", descending)), follows=True)
    value = VALUES.get(repository.entity.model_fields[column].annotation, "a")
    parameters = {f"after_{column}": value, "after_id": uuid7(), "limit": 51}
    async with sql_store.read() as repositories:
        with executed() as sent:
            await repositories.session.execute(statement, parameters, execution_options=OWN)
        connection = await repositories.session.connection()
{% if cookiecutter.database == "sqlite" %}
        rows = await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {sent[-1][0]}", sent[-1][1])
        plan = "\n".join(str(row[-1]) for row in rows)
    assert re.search(r"SEARCH \w+ USING INDEX \w+ \(", plan), plan
    assert "TEMP B-TREE" not in plan.replace("FOR LAST TERM OF ORDER BY", "")
{% else %}
        for option in ("seqscan", "bitmapscan", "sort"):  # faster for a few rows
            await connection.execute(text(f"SET LOCAL enable_{option} = off"))
        rows = await connection.exec_driver_sql(f"EXPLAIN {sent[-1][0]}", sent[-1][1])
        plan = "\n".join(str(row[-1]) for row in rows)
    assert "Index Cond" in plan, plan
    assert "->  Sort " not in plan, plan
{% endif %}
