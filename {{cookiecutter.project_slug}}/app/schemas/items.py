from typing import Annotated, Literal

from pydantic import MISSING, AwareDatetime, Field, StrictBool, StrictInt

from app.schemas.base import MAX_INT, Changes, Entity, Schema, Text, UtcDatetime, Whole
from app.schemas.pages import Query, Sort

Name = Annotated[Text, Field(min_length=1, max_length=128, examples=["a name"])]
Description = Annotated[Text, Field(max_length=2000, examples=["some words"])]
Quantity = Annotated[StrictInt, Field(ge=0, le=MAX_INT, examples=[12]), Whole]


class ItemCreate(Schema):
    name: Name
    description: Description | None = None
    quantity: Quantity = 0
    is_active: StrictBool = True
    available_from: UtcDatetime | None = None


class ItemUpdate(Changes):
    name: Name | MISSING = MISSING
    description: Description | MISSING | None = MISSING
    quantity: Quantity | MISSING = MISSING
    is_active: StrictBool | MISSING = MISSING
    available_from: UtcDatetime | MISSING | None = MISSING


class Item(Entity):
    name: Name
    description: Description | None
    quantity: Quantity
    is_active: StrictBool
    available_from: AwareDatetime | None


class ItemFilter(Query):
    """Filters and sort order for lists of items."""

    entity = Item

    name_contains: Annotated[Text, Field(max_length=128)] | None = None
    is_active: bool | None = None
    sort: Sort[Literal["created_at", "-created_at", "name", "-name"]] = ("created_at",)
