"""The version of an entity as an HTTP entity tag: https://www.rfc-editor.org/rfc/rfc9110#section-8.8.3"""

import re
from collections.abc import Collection
from typing import Annotated

from fastapi import Header

from app.schemas.base import MAX_INT, Entity

# A client that has seen more versions than this of one entity has to read it again.
MOST_TAGS = 100

IfMatch = Annotated[list[str] | None, Header(description="The `ETag` of the version to change.")]


def etag(entity: Entity) -> str:
    return f'"{entity.version}"'


def versions(headers: list[str] | None) -> Collection[int] | None:
    """The versions that If-Match headers list; None for `*` or where there are no headers.

    Tags that no version has, weak ones among them, match nothing.
    """
    if headers is None:
        return None
    tags = [tag.strip() for tag in ",".join(headers).split(",")]
    if tags == ["*"]:
        return None
    numbers = {int(tag[1:-1]) for tag in tags[:MOST_TAGS] if re.fullmatch(r'"[0-9]{1,10}"', tag)}
    return {number for number in numbers if number <= MAX_INT}
