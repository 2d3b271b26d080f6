from datetime import date
from decimal import Decimal
from typing import Annotated, Literal
from uuid import UUID

from pydantic import MISSING, AwareDatetime, ConfigDict, Field, JsonValue, StrictBool, StrictFloat, StrictInt

from app.schemas.base import (
    MAX_INT, MAX_LINKS, Changes, Day, Digits, EmailAddress, Entity, Exact, HttpUrl, Ids, JsonObject, OneZero, Schema, Text, UtcDatetime, Whole
)
% for to in targets:
from app.schemas.${to.plural} import ${to.entity}
% endfor
from app.schemas.pages import Query, Sort

% if private:
PRIVATE = Field(repr=False, json_schema_extra={"writeOnly": True})
% endif
% for field in fields:
% if field.type == field.alias:
${field.alias} = ${field.definition(example(field))}
% endif
% endfor
% for rows in lists:
% for field in rows.fields:
% if field.type == field.alias:
${field.alias} = ${field.definition(example(field))}
% endif
% endfor
% endfor
% for rows in lists:


class ${rows.entity}(Schema):
    model_config = ConfigDict(from_attributes=True)  # from rows of the table

% for field in rows.fields:
    ${field.key}: ${field.in_create}
% endfor
% endfor
% if lists:


% for rows in lists:
${rows.alias} = Annotated[tuple[${rows.entity}, ...], Field(max_length=MAX_LINKS)]
% endfor
% endif


class ${entity}Create(Schema):
% for field in fields:
    ${field.key}: ${field.in_create}
% endfor
% for each in links:
    ${each.keys}: Ids = ()
% endfor
% for rows in lists:
    ${rows.name}: ${rows.alias} = ()
% endfor


class ${entity}Update(Changes):
% for field in fields:
    ${field.key}: ${field.in_update}
% endfor
% for each in links:
    ${each.keys}: Ids | MISSING = MISSING
% endfor
% for rows in lists:
    ${rows.name}: ${rows.alias} | MISSING = MISSING
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
% for rows in lists:
    ${rows.name}: tuple[${rows.entity}, ...]
% endfor
% if not (public or links or lists):
    pass
% endif


class ${entity}Filter(Query):
    """Filters and sort order for lists of ${words}."""

    entity = ${entity}

% for field in filtered:
    ${field.filter}: ${field.in_filter}
% endfor
% for field in ranged:
% for parameter, _ in field.ranges:
    ${parameter}: ${field.in_range} | None = None
% endfor
% endfor
% for each in links:
    ${each.key}: UUID | None = None
% endfor
    sort: Sort[Literal[${sorts}]] = ("created_at",)
