"""A page costs the same anywhere in a list of any length: it is read from an index."""

{% if cookiecutter.database == "postgres" %}
from datetime import UTC, datetime
{% else %}
import re
{% endif %}
from typing import Any, get_args

import pytest
{% if cookiecutter.database == "postgres" %}
from sqlalchemy import text
from uuid_utils.compat import uuid7
{% endif %}

from app.db.base import EntityTable
from app.db.repositories.base import SqlRepository
from app.db.session import SqlStore
from app.db.statements import page
from app.schemas.pages import Query

TABLES: dict[Any, type[EntityTable]] = {
    repository.entity: repository.table for repository in SqlRepository.__subclasses__()
}
SORTS = [
    (TABLES[query.entity], sort)
    for query in Query.__subclasses__()
    for sort in get_args(query.model_fields["sort"].annotation)
]


@pytest.mark.parametrize(("table", "sort"), SORTS)
async def test_a_page_is_read_from_an_index(
    sql_store: SqlStore,
    table: type[EntityTable],
    sort: str,
) -> None:
    column = sort.removeprefix("-")
    statement = page(table, column, sort.startswith("-"), follows=True)
    compiled = statement.compile(sql_store.reader.sync_engine)
    async with sql_store.writer.begin() as connection:
{% if cookiecutter.database == "sqlite" %}
        nothing = tuple(None for _ in compiled.params)
        rows = await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {compiled}", nothing)
{% else %}
        for way in ("seqscan", "bitmapscan", "sort"):  # which are faster for a few rows
            await connection.execute(text(f"SET LOCAL enable_{way} = off"))
        key = datetime.now(UTC) if column == "created_at" else "a"
        values = {"key": key, "id": uuid7(), "limit": 51}
        rows = await connection.exec_driver_sql(f"EXPLAIN {compiled}", values)
{% endif %}
        plan = "\n".join(str(row[-1]) for row in rows)
{% if cookiecutter.database == "sqlite" %}
    assert re.search(r"SEARCH \w+ USING INDEX \w+ \(", plan), plan
    assert "TEMP B-TREE" not in plan.replace("FOR LAST TERM OF ORDER BY", "")
{% else %}
    assert "Index Cond" in plan, plan
    assert "->  Sort " not in plan, plan
{% endif %}
