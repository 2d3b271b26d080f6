from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import BY_CODE_POINT, EntityTable


class ${entity}Table(EntityTable):
    __tablename__ = "${plural}"
    __table_args__ = (
% for field in fields:
% if field.unique:
        UniqueConstraint("${field.key}"),
% endif
% endfor
% for field in fields:
% if check(field):
        CheckConstraint(${quoted(check(field))}, name="${field.key}"),
% endif
% endfor
        Index(None, "created_at", "id"),
    )

% for field in fields:
    ${field.key}: ${mapped(field)}
% endfor
