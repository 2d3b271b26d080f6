"""Base classes, column types and SQL helpers of all tables."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, ClassVar
from uuid import UUID

{% if cookiecutter.database == "sqlite" %}
from sqlalchemy import (
    JSON,
    ColumnElement,
    DateTime,
    Dialect,
    MetaData,
    Table,
    case,
    func,
    select,
    text,
)
{% else %}
from sqlalchemy import (
    ColumnElement,
    DateTime,
    Dialect,
    Integer,
    MetaData,
    Numeric,
    String,
    Table,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
{% endif %}
from sqlalchemy.orm import (
    DeclarativeBase,
    InstrumentedAttribute,
    Mapped,
    declared_attr,
    mapped_column,
)
from sqlalchemy.types import TypeDecorator
from uuid_utils.compat import uuid7

{% if cookiecutter.database == "sqlite" %}
from app.db.decimals import ExactDecimal
{% else %}
from app.schemas.base import DIGITS, PLACES
{% endif %}

# The type of a decimal column that sets its own digits and places.
{% if cookiecutter.database == "sqlite" %}
Exact = ExactDecimal
{% else %}
Exact = Numeric
{% endif %}

# The collation of text: the same order on every machine, as in Python.
{% if cookiecutter.database == "sqlite" %}
BY_CODE_POINT = "BINARY"
{% else %}
BY_CODE_POINT = "C"
{% endif %}


def contains(column: InstrumentedAttribute[str | None], part: str) -> ColumnElement[bool]:
    """Case-sensitive substring search; `part` has no wildcards."""
{% if cookiecutter.database == "sqlite" %}
    # LIKE would ignore the case of A to Z, but of no other letters.
    return func.instr(column, part) > 0
{% else %}
    return column.contains(part, autoescape=True)
{% endif %}


def is_in_either_case(column: InstrumentedAttribute[Any], text: str) -> ColumnElement[bool]:
    """Equality that ignores the case of A to Z; can use an index on lower()."""
    return func.lower(column) == text.encode().lower().decode()  # bytes.lower() changes A to Z only


def has(column: InstrumentedAttribute[Any], element: int | str) -> ColumnElement[bool]:
    """Whether the array contains this element."""
{% if cookiecutter.database == "sqlite" %}
    elements = func.json_each(column).table_valued("value")
    contains_element = select(elements).where(elements.c.value == element).exists()
    return case((column.is_not(None), contains_element))  # NULL for an array that is null
{% else %}
    return column.contains([element])
{% endif %}


{% if cookiecutter.database == "sqlite" %}
def _in_utc(stored: str | None) -> datetime | None:
    # SQLite stores text without the offset.
    return None if stored is None else datetime.fromisoformat(f"{stored}+00:00")
{% else %}
def _in_utc(value: datetime | None) -> datetime | None:
    # In the session's timezone, which may differ, for instance behind PgBouncer.
    return value if value is None or value.tzinfo is UTC else value.astimezone(UTC)
{% endif %}


class UtcDateTime(TypeDecorator[datetime]):
    """An instant, always aware and in UTC."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return None if value is None else value.astimezone(UTC)

    def result_processor(self, dialect: Dialect, coltype: object) -> Any:
        return _in_utc  # `process_result_value` would take two calls per value


class Base(DeclarativeBase):
    # Constraints are named after their columns: migrations can drop them by name, and `errors.py`
    # can tell which field violates them.
    metadata = MetaData(
        naming_convention={
            "pk": "pk_%(table_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
        }
    )
    type_annotation_map = {  # noqa: RUF012 - declared by SQLAlchemy
        datetime: UtcDateTime,
{% if cookiecutter.database == "sqlite" %}
        Decimal: Exact(),
        dict[str, Any]: JSON(none_as_null=True),
        list[int]: JSON(none_as_null=True),
        list[str]: JSON(none_as_null=True),
{% else %}
        Decimal: Exact(DIGITS, PLACES),
        dict[str, Any]: JSONB(none_as_null=True),
        list[int]: ARRAY(Integer),
        list[str]: ARRAY(String),
{% endif %}
    }


def now() -> datetime:
    return datetime.now(UTC)


def same_as_created_at(context: Any) -> datetime:
    created_at: datetime = context.get_current_parameters()["created_at"]
    return created_at


class EntityTable(Base):
    """The columns of `app.schemas.base.Entity`."""

    __abstract__ = True
    __table__: ClassVar[Table]

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7, sort_order=-1)
    version: Mapped[int] = mapped_column(default=1, onupdate=text("version + 1"), sort_order=1)
    created_at: Mapped[datetime] = mapped_column(default=now, sort_order=1)
    updated_at: Mapped[datetime] = mapped_column(
        default=same_as_created_at, onupdate=now, sort_order=1
    )

    @declared_attr.directive
    @classmethod
    def __mapper_args__(cls) -> dict[str, Any]:
        # Of two concurrent changes to an entity the second raises a `StaleDataError`.
        return {"version_id_col": cls.version}
