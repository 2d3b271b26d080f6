from collections.abc import Iterator

from sqlalchemy import ColumnElement
from sqlalchemy.orm import joinedload, selectinload

from app.db.base import contains, has, is_in_either_case
from app.db.sql.base import Children, Link, SqlRepository
from app.db.sql.columns import ColumnRepository
from app.db.sql.owned import OwnedRepository
% for to in targets:
from app.db.sql.${to.plural} import Sql${to.entity}Repository
% endfor
from app.db.tables.${plural} import ${", ".join([f"{entity}Table", *(each.table for each in links), *(f"{rows.entity}Table" for rows in lists)])}
% for each in links:
from app.db.tables.${each.to.plural} import ${each.to.entity}Table
% endfor
from app.repositories.${plural} import ${entity}Repository
from app.schemas.${plural} import ${entity}, ${entity}Create, ${entity}Filter, ${entity}Update


class Sql${entity}Repository(
% if owned:
    OwnedRepository[${entity}, ${entity}Create, ${entity}Update, ${entity}Filter],
% elif references or links or lists:
    SqlRepository[${entity}, ${entity}Create, ${entity}Update, ${entity}Filter],
% else:
    ColumnRepository[${entity}, ${entity}Create, ${entity}Update, ${entity}Filter],
% endif
    ${entity}Repository
):
    entity = ${entity}
    table = ${entity}Table
% if references or links or lists:
    options = (
% for field, to in references:
        joinedload(${entity}Table.${field.name}).options(*Sql${to.entity}Repository.options),
% endfor
% for each in links:
        selectinload(${entity}Table.${each.name}),
% endfor
% for rows in lists:
        selectinload(${entity}Table.${rows.name}),
% endfor
    )
% endif
% if links:
    links = (
% for each in links:
        Link("${each.keys}", ${each.table}.c.${each.own_key}, ${each.table}.c.${each.key}),
% endfor
    )
% endif
% if lists:
    children = (${" ".join(f'Children("{rows.name}", {rows.entity}Table, "{rows.own_key}"),' for rows in lists)})
% endif

    def _conditions(self, query: ${entity}Filter) -> Iterator[ColumnElement[bool]]:
% for field in filtered:
% if field.is_one_of_several:
        if query.${field.filter}:
            yield ${entity}Table.${field.key}.in_(query.${field.filter})
% elif field.kind == "str":
        if query.${field.filter} is not None:
            yield contains(${entity}Table.${field.key}, query.${field.filter})
% elif field.nocase:
        if query.${field.filter} is not None:
            yield is_in_either_case(${entity}Table.${field.key}, query.${field.filter})
% elif field.element:
        if query.${field.filter} is not None:
            yield has(${entity}Table.${field.key}, query.${field.filter})
% else:
        if query.${field.filter} is not None:
            yield ${entity}Table.${field.key} == query.${field.filter}
% endif
% endfor
% for field in ranged:
% for parameter, sign in field.ranges:
        if query.${parameter} is not None:
            yield ${entity}Table.${field.key} ${sign} query.${parameter}
% endfor
% endfor
% for each in links:
        if query.${each.key} is not None:
            yield ${entity}Table.${each.name}.any(${each.to.entity}Table.id == query.${each.key})
% endfor
% if not (filtered or ranged or links):
        yield from ()
% endif
