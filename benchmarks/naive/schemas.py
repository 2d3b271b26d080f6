from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field


def in_utc(value: datetime) -> datetime:
    # SQLite drops the offset, Postgres returns the timezone of the session.
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


UtcDatetime = Annotated[datetime, AfterValidator(in_utc)]
Name = Annotated[str, Field(min_length=1, max_length=128)]
Description = Annotated[str, Field(max_length=2000)]
Quantity = Annotated[int, Field(ge=0, le=2_147_483_647)]


class ItemCreate(BaseModel):
    name: Name
    description: Description | None = None
    quantity: Quantity = 0
    is_active: bool = True
    available_from: AwareDatetime | None = None


class ItemUpdate(BaseModel):
    name: Name | None = None
    description: Description | None = None
    quantity: Quantity | None = None
    is_active: bool | None = None
    available_from: AwareDatetime | None = None


class ItemRead(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: UUID
    created_at: UtcDatetime
    updated_at: UtcDatetime
    name: str
    description: str | None
    quantity: int
    is_active: bool
    available_from: UtcDatetime | None


class ItemPage(BaseModel):
    items: list[ItemRead]
    next_cursor: str | None


def encode_cursor(created_at: datetime, id_: UUID) -> str:
    return f"{in_utc(created_at).isoformat()}_{id_}"


def decode_cursor(cursor: str) -> tuple[datetime, UUID]:
    created_at, _, id_ = cursor.partition("_")
    return datetime.fromisoformat(created_at), UUID(id_)
