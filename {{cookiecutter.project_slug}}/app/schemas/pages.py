"""Keyset pagination: a cursor holds the sort key of a page's last row, not an offset.

So every page of a list costs the same, and concurrent inserts and deletes neither skip nor repeat
other rows.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from functools import cache
from typing import Annotated, Any, ClassVar, Generic, Literal, Self, TypeVar
from uuid import UUID

from pydantic import (
    MISSING,
    AwareDatetime,
    BaseModel,
    Field,
    ValidationInfo,
    create_model,
    field_validator,
)
from pydantic.fields import FieldInfo

from app.schemas.base import Entity, Schema, UtcDatetime

E = TypeVar("E", bound=Entity)
Key = TypeVar("Key", bound=str)

# Field names, `-name` for descending order; each field breaks the ties of the one before it.
Sort = Annotated[tuple[Key, ...], Field(max_length=2)]
SortKeys = tuple[tuple[str, bool], ...]
Cursor = Annotated[str, Field(max_length=2000, json_schema_extra={"format": "cursor"})]


class Query(Schema):
    """Query parameters of every list; subclasses add filters and sort fields."""

    entity: ClassVar[type[Entity]]

    sort: tuple[str, ...] | str  # one field, or several
    limit: int = Field(50, ge=1, le=100, description="Maximum number of items on the page.")
    cursor: Cursor | None = Field(
        None, description="The `next_cursor` of the previous page; requires the same `sort`."
    )

    created_after: UtcDatetime | None = Field(None, description="Later than this instant.")
    created_before: UtcDatetime | None = Field(None, description="Earlier than this instant.")
    total: bool = Field(False, description="Whether to count the matches on all pages.")

    @property
    def sort_keys(self) -> SortKeys:
        """Each field of `sort` and whether it is descending, then the id as the last of them."""
        keys = [(key.removeprefix("-"), key.startswith("-")) for key in _fields(self.sort)]
        return (*keys, ("id", any(descending for _, descending in keys[-1:])))

    @property
    def after(self) -> list[Any] | None:
        """The `sort_keys` values of the previous page's last row; None on the first page."""
        if self.cursor is None:
            return None
        return _decode(self.cursor, _fields(self.sort), self.entity)

    @field_validator("cursor")
    @classmethod
    def _can_be_decoded(cls, cursor: str | None, info: ValidationInfo) -> str | None:
        if cursor is not None and "sort" in info.data:
            _decode(cursor, _fields(info.data["sort"]), cls.entity)
        return cursor


class Page(BaseModel, Generic[E]):
    items: list[E]
    next_cursor: str | None = Field(description="Gets the next page; null on the last one.")
    total: int | MISSING = Field(MISSING, description="Matches on all pages, if requested.")

    @classmethod
    def of(cls, rows: list[E], query: Query) -> Self:
        """Returns a page of `rows`, which exceed the query's limit if there is a next page."""
        items = rows[: query.limit]
        next_cursor = _encode(items[-1], query) if len(rows) > len(items) else None
        return cls(items=items, next_cursor=next_cursor)


def _fields(sort: tuple[str, ...] | str) -> tuple[str, ...]:
    return (sort,) if isinstance(sort, str) else sort


def _encode(last: Entity, query: Query) -> str:
    sort = _fields(query.sort)
    values = tuple(getattr(last, field) for field, _ in query.sort_keys)
    position = _position_model(query.entity, sort).model_construct(sort=sort, values=values)
    return urlsafe_b64encode(position.model_dump_json().encode()).decode()


def _decode(cursor: str, sort: tuple[str, ...], entity: type[Entity]) -> list[Any]:
    model = _position_model(entity, sort)
    try:
        position: Any = model.model_validate_json(urlsafe_b64decode(cursor))
    except ValueError as error:
        raise ValueError(f"is not a cursor of this list, sorted by {' and '.join(sort)}") from error
    return [*position.values]


@cache
def _position_model(entity: type[Entity], sort: tuple[str, ...]) -> type[BaseModel]:
    """Returns a model for this list's cursors: the same sort, and valid values of its columns."""
    columns = [entity.model_fields[key.removeprefix("-")] for key in sort]
    values = [*map(_from_a_client, columns), UUID]
    fields: dict[str, Any] = {
        "sort": tuple[tuple(Literal[key] for key in sort)],  # type: ignore[misc]
        "values": tuple[tuple(values)],  # type: ignore[misc]
    }
    return create_model("Position", **fields)


def _from_a_client(column: FieldInfo) -> Any:
    """Returns the type of a value in a cursor, which is validated as input from a client."""
    is_instant = column.annotation is AwareDatetime
    return UtcDatetime if is_instant else Annotated[column.annotation, column]
