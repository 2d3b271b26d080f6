from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel

from app.api.dependencies import StoreDep
from app.api.errors import problems

router = APIRouter(tags=["health"])
PATHS = ("/livez", "/readyz")


class Health(BaseModel):
    status: Literal["ok"] = "ok"


@router.get("/livez")
async def livez() -> Health:
    """The process answers. It asks nobody else: a slow database is no reason to restart it."""
    return Health()


@router.get("/readyz", responses=problems(503))
async def readyz(store: StoreDep) -> Health:
    """The database answers, and its schema is the one that this code needs."""
    await store.check()
    return Health()
