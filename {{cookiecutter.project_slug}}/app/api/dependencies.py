from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import Depends
from starlette.requests import HTTPConnection

from app.repositories.store import Repositories, Store
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
    """A `store.read()` that is open until the response is sent, for one that streams rows.

    Where no connection is free the client gets a 503; a generator that reads would notice too late.
    """
    async with store.read() as repositories:
        yield repositories


SnapshotDep = Annotated[Repositories, Depends(get_snapshot)]
