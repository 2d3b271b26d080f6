from typing import Any, Literal

from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import BaseModel

from app.api.dependencies import StoreDep
from app.api.errors import problems
from app.metrics import registry
from app.repositories.errors import Unavailable

router = APIRouter(tags=["health"])
WITHOUT_TOKEN: dict[str, Any] = {"security": []}  # orchestrators have no token


class Health(BaseModel):
    status: Literal["ok"] = "ok"


@router.head("/livez", include_in_schema=False)
@router.get("/livez", openapi_extra=WITHOUT_TOKEN)
async def livez() -> Health:
    """The process responds. The database is not checked: a slow one is no reason to restart it."""
    return Health()


@router.head("/readyz", include_in_schema=False)
@router.get("/readyz", openapi_extra=WITHOUT_TOKEN, responses=problems(503))
async def readyz(request: Request, store: StoreDep) -> Health:
    """The database responds, its schema is not older than this code, and no shutdown has begun."""
    if request.app.state.draining:
        raise Unavailable("The service is shutting down.")
    await store.check()
    return Health()


@router.get("/metrics", include_in_schema=False)
async def metrics() -> Response:
    return Response(generate_latest(registry()), media_type=CONTENT_TYPE_LATEST)
