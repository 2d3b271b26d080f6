from datetime import date
from decimal import Decimal
from typing import Annotated, Literal
from uuid import UUID

from pydantic import MISSING, AwareDatetime, Field, StrictBool, StrictFloat, StrictInt

from app.schemas.base import (
    MAX_INT, Changes, Day, Entity, Exact, Ids, Schema, Text, UtcDatetime, Whole
)
% for to in targets:
from app.schemas.${to.plural} import ${to.entity}
% endfor
from app.schemas.pages import Query

% if private:
PRIVATE = Field(repr=False, json_schema_extra={"writeOnly": True})
% endif
% for field in fields:
% if field.type == field.alias:
${field.alias} = ${field.definition(example(field))}
% endif
% endfor


class ${entity}Create(Schema):
% for field in fields:
    ${field.key}: ${field.in_create}
% endfor
% for each in links:
    ${each.keys}: Ids = ()
% endfor


class ${entity}Update(Changes):
% for field in fields:
    ${field.key}: ${field.in_update}
% endfor
% for each in links:
    ${each.keys}: Ids | MISSING = MISSING
% endfor


class ${entity}(Entity):
% for field in public:
    ${field.key}: ${field.in_entity}
% endfor
% for field, to in references:
    ${field.name}: ${to.entity}${" | None" if field.optional else ""}
% endfor
% for each in links:
    ${each.keys}: tuple[UUID, ...]
% endfor
% if not public and not links:
    pass
% endif


class ${entity}Filter(Query):
    """Which ${words} to list, and in what order."""

    entity = ${entity}

% for field in filtered:
    ${field.filter}: ${field.in_filter}
% endfor
% for each in links:
    ${each.key}: UUID | None = None
% endfor
    sort: Literal[${sorts}] = "created_at"
