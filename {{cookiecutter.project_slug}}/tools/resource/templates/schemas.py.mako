from datetime import date
from decimal import Decimal
from typing import Annotated, Literal
from uuid import UUID

from pydantic import MISSING, AwareDatetime, Field, StrictBool, StrictFloat, StrictInt

from app.schemas.base import (
    MAX_INT, Changes, Day, Entity, Exact, Schema, Text, UtcDatetime, Whole
)
% for to in targets:
from app.schemas.${to.plural} import ${to.entity}
% endfor
from app.schemas.pages import Query

% for field in fields:
% if field.type == field.alias:
${field.alias} = ${field.definition(example(field))}
% endif
% endfor


class ${entity}Create(Schema):
% for field in fields:
    ${field.key}: ${field.in_create}
% endfor


class ${entity}Update(Changes):
% for field in fields:
    ${field.key}: ${field.in_update}
% endfor


class ${entity}(Entity):
% for field in fields:
    ${field.key}: ${field.in_entity}
% endfor
% for field, to in references:
    ${field.name}: ${to.entity}${" | None" if field.optional else ""}
% endfor


class ${entity}Filter(Query):
    """Which ${words} to list, and in what order."""

    entity = ${entity}

% for field in filtered:
    ${field.filter}: ${field.filter_type} | None = None
% endfor
    sort: Literal[${sorts}] = "created_at"
