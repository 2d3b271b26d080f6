from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement

from app.db.base import contains
from app.db.repositories.base import SqlRepository
% for to in targets:
from app.db.repositories.${to.plural} import Sql${to.entity}Repository
% endfor
from app.db.tables.${plural} import ${entity}Table
from app.repositories.errors import Dangling, RepositoryError, Unavailable
from app.repositories.${plural} import ${entity}Repository
% for to in targets:
from app.schemas.${to.plural} import ${to.entity}
% endfor
from app.schemas.${plural} import ${entity}, ${entity}Create, ${entity}Filter, ${entity}Update


class Sql${entity}Repository(
    SqlRepository[${entity}, ${entity}Create, ${entity}Update, ${entity}Filter],
    ${entity}Repository
):
    entity = ${entity}
    table = ${entity}Table

    def _conditions(self, query: ${entity}Filter) -> Iterator[ColumnElement[bool]]:
% for field in filtered:
        if query.${field.filter} is not None:
% if field.kind == "str":
            yield contains(${entity}Table.${field.key}, query.${field.filter})
% else:
            yield ${entity}Table.${field.key} == query.${field.filter}
% endif
% endfor
% if not filtered:
        yield from ()
% endif
% if references:

    async def add(self, new: ${entity}Create) -> ${entity}:
        await self._must_be_there(new.model_dump())
        return await super().add(new)

    async def update(
        self,
        id_: UUID,
        changes: ${entity}Update,
        versions: Collection[int] | None = None,
    ) -> ${entity}:
        await self._must_be_there(changes.model_dump())
        return await super().update(id_, changes, versions)

    async def _must_be_there(self, values: Mapping[str, Any]) -> None:
        """The database refuses what dangles too, but need not tell which reference it is."""
% for field, to in references:
        await self._${field.name}_of([values], Dangling("${field.key}"))
% endfor

    async def _loaded(self, rows: Sequence[Mapping[Any, Any]]) -> list[${entity}]:
        gone = Unavailable("What it refers to has been removed just now.")
% for field, to in references:
        ${field.name}_by_id = await self._${field.name}_of(rows, gone)
% endfor
        return [
            ${entity}(
                **row,
% for field, to in references:
% if field.optional:
                ${field.name}=${field.name}_by_id.get(row["${field.key}"]),
% else:
                ${field.name}=${field.name}_by_id[row["${field.key}"]],
% endif
% endfor
            )
            for row in rows
        ]
% for field, to in references:

    async def _${field.name}_of(
        self,
        rows: Sequence[Mapping[Any, Any]],
        error: RepositoryError,
    ) -> dict[UUID, ${to.entity}]:
        ids = {row["${field.key}"] for row in rows if row.get("${field.key}")}
        return await Sql${to.entity}Repository(self._connection).with_ids(ids, error)
% endfor
% endif
