from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from app.api.dependencies import StoreDep, single_values
from app.api.errors import problems
from app.api.etags import IfMatch, IfNoneMatch, etag, is_known, tagged, versions
from app.schemas.items import Item, ItemCreate, ItemFilter, ItemUpdate
from app.schemas.pages import Page

router = APIRouter(prefix="/v1/items", tags=["items"], responses=problems(401, 422, 429, 500, 503))


@router.post("", status_code=201, responses=tagged(201) | problems(409, 413))
async def create_item(
    new: ItemCreate,
    store: StoreDep,
    request: Request,
    response: Response,
) -> Item:
    async with store.write() as repositories:
        item = await repositories.items.add(new)
    response.headers["Location"] = request.url_for("read_item", item_id=item.id).path
    response.headers["ETag"] = etag(item)
    return item


@router.get("", dependencies=[single_values(ItemFilter)])
async def list_items(query: Annotated[ItemFilter, Query()], store: StoreDep) -> Page[Item]:
    async with store.read(snapshot=False) as repositories:
        return await repositories.items.find(query)


@router.get("/{item_id:uuid}", responses=tagged(200, 304) | problems(404))
async def read_item(
    item_id: UUID, store: StoreDep, response: Response, if_none_match: IfNoneMatch = None
) -> Item:
    async with store.read(snapshot=False) as repositories:
        item = await repositories.items.get(item_id)
    response.headers["ETag"] = etag(item)
    if is_known(item, if_none_match):
        response.status_code = 304  # FastAPI leaves the body out
    return item


@router.patch("/{item_id:uuid}", responses=tagged(200) | problems(404, 409, 412, 413))
async def update_item(
    item_id: UUID,
    changes: ItemUpdate,
    store: StoreDep,
    response: Response,
    if_match: IfMatch = None,
) -> Item:
    """Absent fields stay unchanged; null clears optional ones."""
    async with store.write() as repositories:
        item = await repositories.items.update(item_id, changes, versions(if_match))
    response.headers["ETag"] = etag(item)
    return item


@router.delete("/{item_id:uuid}", status_code=204, responses=problems(404, 409, 412))
async def delete_item(item_id: UUID, store: StoreDep, if_match: IfMatch = None) -> None:
    async with store.write() as repositories:
        await repositories.items.remove(item_id, versions(if_match))
