from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from app.api.dependencies import StoreDep, single_values
from app.api.errors import problems
% if once:
from app.api.idempotency import OnceDep
% endif
from app.api.etags import IfMatch, IfNoneMatch, etag, is_known, tagged, versions
from app.api.users import CurrentUser
from app.schemas.${plural} import ${entity}, ${entity}Create, ${entity}Filter, ${entity}Update
from app.schemas.pages import Page

router = APIRouter(prefix="${url}", tags=["${words}"], responses=problems(401, 422, 429, 500, 503))


@router.post("", status_code=201, responses=tagged(201) | problems(409, 413))
async def create_${name}(
    new: ${entity}Create,
% if once:
    once: OnceDep,
% endif
% if owned:
    user: CurrentUser,
% endif
    store: StoreDep,
    request: Request,
    response: Response,
) -> ${entity}:
% if once:
    async with once.write(store) as repositories:
        ${name} = await repositories.${plural}${of_user}.add(new)
        response.headers["Location"] = request.url_for("read_${name}", ${name}_id=${name}.id).path
        response.headers["ETag"] = etag(${name})
        once.keep(${name}, response)
% else:
    async with store.write() as repositories:
        ${name} = await repositories.${plural}${of_user}.add(new)
    response.headers["Location"] = request.url_for("read_${name}", ${name}_id=${name}.id).path
    response.headers["ETag"] = etag(${name})
% endif
    return ${name}


@router.get("", dependencies=[single_values(${entity}Filter)])
async def list_${plural}(
    query: Annotated[${entity}Filter, Query()], ${user}store: StoreDep
) -> Page[${entity}]:
    async with store.read(snapshot=False) as repositories:
        return await repositories.${plural}${of_user}.find(query)


@router.get("/{${name}_id:uuid}", responses=tagged(200, 304) | problems(404))
async def read_${name}(
    ${name}_id: UUID, ${user}store: StoreDep, response: Response, if_none_match: IfNoneMatch = None
) -> ${entity}:
    async with store.read(snapshot=False) as repositories:
        ${name} = await repositories.${plural}${of_user}.get(${name}_id)
    response.headers["ETag"] = etag(${name})
    if is_known(${name}, if_none_match):
        response.status_code = 304  # FastAPI leaves the body out
    return ${name}


@router.patch("/{${name}_id:uuid}", responses=tagged(200) | problems(404, 409, 412, 413))
async def update_${name}(
    ${name}_id: UUID, changes: ${entity}Update, ${user}store: StoreDep, response: Response, if_match: IfMatch = None
) -> ${entity}:
    """Absent fields stay unchanged; null clears optional ones."""
    async with store.write() as repositories:
        ${name} = await repositories.${plural}${of_user}.update(${name}_id, changes, versions(if_match))
    response.headers["ETag"] = etag(${name})
    return ${name}


@router.delete("/{${name}_id:uuid}", status_code=204, responses=problems(404, 409, 412))
async def delete_${name}(
    ${name}_id: UUID, ${user}store: StoreDep, if_match: IfMatch = None
) -> None:
    async with store.write() as repositories:
        await repositories.${plural}${of_user}.remove(${name}_id, versions(if_match))
