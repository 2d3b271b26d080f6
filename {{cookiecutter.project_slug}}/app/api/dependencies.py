from typing import Annotated

from fastapi import Depends, Request

from app.repositories.store import Store


async def get_store(request: Request) -> Store:
    store: Store = request.app.state.store
    return store


StoreDep = Annotated[Store, Depends(get_store)]
