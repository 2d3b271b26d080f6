from collections import Counter
from collections.abc import AsyncIterator
from typing import Annotated, get_args, get_origin

from fastapi import Depends, params
from fastapi.exceptions import RequestValidationError
from starlette.requests import HTTPConnection

from app.repositories.store import Repositories, Store
from app.schemas.pages import Query
from app.settings import Settings


async def get_settings(connection: HTTPConnection) -> Settings:
    settings: Settings = connection.app.state.settings
    return settings


async def get_store(connection: HTTPConnection) -> Store:
    store: Store = connection.app.state.store
    return store


SettingsDep = Annotated[Settings, Depends(get_settings)]
StoreDep = Annotated[Store, Depends(get_store)]


async def get_snapshot(store: StoreDep) -> AsyncIterator[Repositories]:
    """A `store.read()` that stays open until the response is sent, for responses that stream rows.

    If no connection is free the client gets a 503. A generator that opens it would be too late.
    """
    async with store.read() as repositories:
        yield repositories


SnapshotDep = Annotated[Repositories, Depends(get_snapshot)]


def single_values(query: type[Query]) -> params.Depends:
    """Returns a dependency that rejects repeated query parameters that take one value, with 422.

    FastAPI would take the last one: `@router.get("", dependencies=[single_values(ItemFilter)])`.
    """
    single = {name for name, info in query.model_fields.items() if not _is_tuple(info.annotation)}

    async def reject_repeated_parameters(connection: HTTPConnection) -> None:
        counts = Counter(name for name, _ in connection.query_params.multi_items())
        if repeated := sorted(name for name in single if counts[name] > 1):
            raise RequestValidationError(
                [
                    {"type": "value_error", "loc": ("query", name), "msg": "must be given once"}
                    for name in repeated
                ]
            )

    depends: params.Depends = Depends(reject_repeated_parameters)
    return depends


def _is_tuple(annotation: object) -> bool:
    return any(get_origin(type_) is tuple for type_ in (annotation, *get_args(annotation)))
