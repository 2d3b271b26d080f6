from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import (
    CheckConstraint, Column, ForeignKey, Index, String, Table, UniqueConstraint, func
)
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.db.base import BY_CODE_POINT, Base, EntityTable, Exact
from app.db.owned import OwnedRow, OwnedTable
% for to in targets:
from app.db.tables.${to.plural} import ${to.entity}Table
% endfor

% for each in links:
${each.table} = Table(
    "${each.table}",
    Base.metadata,
    Column("${each.own_key}", ForeignKey("${plural}.id", ondelete="CASCADE"), primary_key=True),
    Column("${each.key}", ForeignKey("${each.to.plural}.id", ondelete="CASCADE"), primary_key=True, index=True),
)
% endfor

% for rows in lists:


class ${rows.entity}Table(${'OwnedRow' if owned else 'Base'}):
    __tablename__ = "${rows.table}"
% if any(map(check, rows.fields)):
    __table_args__ = (
% for field in rows.fields:
% if check(field):
        CheckConstraint(${quoted(check(field))}, name="${field.key}"),
% endif
% endfor
    )
% endif

    ${rows.own_key}: Mapped[UUID] = mapped_column(ForeignKey("${plural}.id", ondelete="CASCADE"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
% for field in rows.fields:
    ${field.key}: ${mapped(field)}
% endfor
% if rows.references:

% for field, to in rows.references:
    ${field.name}: ${related(field, to, rows.references)}
% endfor
% endif
% endfor


class ${entity}Table(${'OwnedTable' if owned else 'EntityTable'}):
    __tablename__ = "${plural}"
    __table_args__ = (
% for field in fields:
% if field.unique and not field.nocase:
        UniqueConstraint(${'"owner", ' if owned else ""}"${field.key}"),
% endif
% endfor
% for both in together:
        UniqueConstraint(${'"owner", ' if owned else ""}${", ".join(quoted(field.key) for field in both)}),
% endfor
% for field in fields:
% if check(field):
        CheckConstraint(${quoted(check(field))}, name="${field.column}"),
% endif
% endfor
        Index(None, ${'"owner", ' if owned else ""}"created_at", "id"),
% for field in fields:
% if field.index:
        Index(None, ${'"owner", ' if owned else ""}"${field.key}", "id"),
% endif
% endfor
    )

% for field in fields:
    ${field.key}: ${mapped(field)}
% endfor
% if keys:

% for field, to in keys:
    ${field.name}: ${related(field, to, keys)}
% endfor
% endif
% if links:

% for each in links:
    ${each.name}: Mapped[list[${each.to.entity}Table]] = relationship(secondary=${each.table}, lazy="raise")
% endfor
% endif
% if lists:

% for rows in lists:
    ${rows.name}: Mapped[list[${rows.entity}Table]] = relationship(
        order_by=${rows.entity}Table.position, cascade="all, delete-orphan", passive_deletes=True, lazy="raise"
    )
% endfor
% endif
% for each in links:

    @property
    def ${each.keys}(self) -> list[UUID]:
        return sorted(${each.one}.id for ${each.one} in self.${each.name})
% endfor
% if any(field.nocase for field in fields):


% for field in fields:
% if field.nocase:
Index("${uq(field)}", ${f"{entity}Table.owner, " if owned else ""}func.lower(${entity}Table.${field.key}), unique=True)
% endif
% endfor
% endif
