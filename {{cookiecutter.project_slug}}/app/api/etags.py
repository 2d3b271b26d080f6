"""The version of an entity as an HTTP entity tag: https://www.rfc-editor.org/rfc/rfc9110#section-8.8.3"""

import re
from collections.abc import Collection
from typing import Annotated

from fastapi import Header

from app.schemas.base import Entity

IfMatch = Annotated[str | None, Header(description="The `ETag` of the version to change.")]


def etag(entity: Entity) -> str:
    return f'"{entity.version}"'


def versions(header: str | None) -> Collection[int] | None:
    """The versions that an If-Match header lists; None for `*` or where there is no header.

    Tags that no version has, weak ones among them, match nothing.
    """
    if header is None or header.strip() == "*":
        return None
    tags = (tag.strip() for tag in header.split(","))
    return {int(tag[1:-1]) for tag in tags if re.fullmatch(r'"[1-9][0-9]{0,9}"', tag)}
