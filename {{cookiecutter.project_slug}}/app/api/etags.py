"""Versions of entities as HTTP entity tags: https://www.rfc-editor.org/rfc/rfc9110#section-8.8.3"""

import re
from collections.abc import Collection, Iterator
from typing import Annotated, Any
from uuid import UUID

from fastapi import Header
from pydantic import WithJsonSchema

from app.api.errors import header
from app.schemas.base import MAX_INT, Entity

# Tags in an If-Match header beyond this number are ignored: the client has to read it again.
MAX_TAGS = 100
# If-Match compares only the first version in a tag: the entity's own.
TAG = re.compile(r'"([0-9]{1,10})(?:-[0-9]+)*"')

# Repeated headers are equivalent to one with commas, which is what clients send: a string.
Tags = Annotated[list[str] | None, WithJsonSchema({"type": "string"})]
IfMatch = Annotated[Tags, Header(description="The `ETag` of the version to change.")]
IfNoneMatch = Annotated[Tags, Header(description="The `ETag` that the client has.")]

ETAG = header("The version, for `If-Match` and `If-None-Match`.")
TAGGED: dict[int, dict[str, Any]] = {
    200: {"headers": {"ETag": ETAG}},
    201: {"headers": {"ETag": ETAG, "Location": header("The path of the created record.")}},
    304: {"headers": {"ETag": ETAG}, "description": "Not Modified"},
}


def tagged(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Documents the responses of a route that have an `ETag`, for OpenAPI."""
    return {status: TAGGED[status] for status in statuses}


def etag(entity: Entity) -> str:
    """Returns a tag of the version and of what can change without it: the entities that are sent
    with it, and its references, which are cleared when the referenced entities are removed.
    """
    return f'"{"-".join(map(str, _versions(entity)))}"'


def _versions(entity: Entity) -> Iterator[int]:
    yield entity.version
    for name, value in entity:
        if isinstance(value, Entity):
            yield from _versions(value)
        elif isinstance(value, tuple):
            yield len(value)
        elif isinstance(value, UUID) and name != "id":
            yield 1


def versions(headers: list[str] | None) -> Collection[int] | None:
    """Returns the versions in If-Match headers; None for `*` or without headers.

    Tags that no version has, such as weak ones, match nothing.
    """
    tags = _tags(headers)
    if headers is None or tags == ["*"]:
        return None
    numbers = {int(tag[1]) for tag in map(TAG.fullmatch, tags[:MAX_TAGS]) if tag}
    return {number for number in numbers if number <= MAX_INT}


def is_known(entity: Entity, headers: list[str] | None) -> bool:
    """Returns whether If-None-Match headers contain the tag of `entity`, weak or strong."""
    tags = _tags(headers)
    return tags == ["*"] or etag(entity) in {tag.removeprefix("W/") for tag in tags}


def _tags(headers: list[str] | None) -> list[str]:
    return [tag.strip() for tag in ",".join(headers or []).split(",")]
