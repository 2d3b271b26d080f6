from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

from tests.factories import IdOf


def make_${name}(number: int${", id_of: IdOf" if client else ""}) -> dict[str, Any]:
    return {
% for field in fields:
        "${field.key}": ${numbered(field)},
% endfor
% for each in links:
        "${each.keys}": sorted({id_of("${each.to.plural}", number), id_of("${each.to.plural}", number + 1)}),
% endfor
% for rows in lists:
        "${rows.name}": [make_${rows.row}(n${", id_of" if rows.references else ""}) for n in range(number, number + number % 3)],
% endfor
    }
% for rows in lists:


def make_${rows.row}(number: int${", id_of: IdOf" if rows.references else ""}) -> dict[str, Any]:
    return {
% for field in rows.fields:
        "${field.key}": ${numbered(field)},
% endfor
    }
% endfor
