"""Lists in pages: a cursor holds the sort key of a page's last row, not a count of rows.

So a page costs the same anywhere in the list, and rows that come and go meanwhile neither shift
nor repeat the others.
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

# The names of fields, `-name` for a descending one; rows that have the same are sorted by the next.
Sort = Annotated[tuple[Key, ...], Field(max_length=2)]
SortKeys = tuple[tuple[str, bool], ...]
Cursor = Annotated[str, Field(max_length=2000, json_schema_extra={"format": "cursor"})]


class Query(Schema):
    """What every list understands; an entity's own query adds filters and the sorts it offers."""

    entity: ClassVar[type[Entity]]

    sort: tuple[str, ...] | str  # one field, or several
    limit: int = Field(50, ge=1, le=100, description="The most items that the page may hold.")
    cursor: Cursor | None = Field(
        None, description="The `next_cursor` of the page before, same sort."
    )

    created_after: UtcDatetime | None = Field(None, description="Later than this instant.")
    created_before: UtcDatetime | None = Field(None, description="Earlier than this instant.")
    total: bool = Field(False, description="Whether to count all that match, on all pages.")

    @property
    def sort_keys(self) -> SortKeys:
        """Each field of `sort`, and whether it is descending; then the id, as the last of them."""
        keys = [(key.removeprefix("-"), key.startswith("-")) for key in _fields(self.sort)]
        return (*keys, ("id", any(descending for _, descending in keys[-1:])))

    @property
    def after(self) -> list[Any] | None:
        """Where the page before this one ended: what its last row has in the fields of `sort_keys`."""
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
    total: int | MISSING = Field(MISSING, description="Of all pages, if the query asks for it.")

    @classmethod
    def of(cls, rows: list[E], query: Query) -> Self:
        """A page of `rows`, which go on past the query's limit where there is a next page."""
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
    """Holds a cursor to its list: the same sort, and values that the sorted columns may have."""
    columns = [entity.model_fields[key.removeprefix("-")] for key in sort]
    values = [*map(_from_a_client, columns), UUID]
    fields: dict[str, Any] = {
        "sort": tuple[tuple(Literal[key] for key in sort)],  # type: ignore[misc]
        "values": tuple[tuple(values)],  # type: ignore[misc]
    }
    return create_model("Position", **fields)


def _from_a_client(column: FieldInfo) -> Any:
    """What comes from a client is checked as it was before it was stored."""
    is_instant = column.annotation is AwareDatetime
    return UtcDatetime if is_instant else Annotated[column.annotation, column]
