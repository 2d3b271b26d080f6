"""Every error that reaches a client, as `application/problem+json`."""

import json
import logging
from collections.abc import Callable, Coroutine, Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic.json_schema import models_json_schema
from starlette.exceptions import HTTPException
from starlette.routing import Match

from app.repositories import errors
from app.schemas.problems import FieldProblem, Problem

STATUS: dict[type[errors.RepositoryError], int] = {
    errors.NotFound: 404,
    errors.Conflict: 409,
    errors.Stale: 412,
    errors.Invalid: 422,
    errors.Unavailable: 503,
}
RETRY_LATER = {"Retry-After": "1"}  # in seconds
NO_JSON = FieldProblem(location="body", field="", detail="is not JSON in UTF-8")
REF = "#/components/schemas/{model}"
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")

log = logging.getLogger(__name__)


class ProblemResponse(JSONResponse):
    media_type = "application/problem+json"

    def render(self, content: Any) -> bytes:
        # In ASCII: a client may have sent a lone surrogate, which UTF-8 cannot carry back.
        return json.dumps(content).encode()


def problem(
    status: int,
    detail: str,
    fields: Sequence[FieldProblem] = (),
    headers: Mapping[str, str] | None = None,
) -> ProblemResponse:
    title = HTTPStatus(status).phrase
    body = Problem(title=title, status=status, detail=detail, errors=list(fields))
    return ProblemResponse(body.model_dump(), status, headers)


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The error answers of a route, for the OpenAPI document."""
    schema = {"$ref": REF.format(model="Problem")}
    return {
        status: {
            "description": HTTPStatus(status).phrase,
            "content": {ProblemResponse.media_type: {"schema": schema}},
        }
        for status in statuses
    }


class ProblemAPI(FastAPI):
    """Documents what FastAPI does not see: `Problem`, and how `/v1` is secured."""

    bearer: dict[str, str] | None = None

    def openapi(self) -> dict[str, Any]:
        document = super().openapi()
        _, schemas = models_json_schema([(Problem, "serialization")], ref_template=REF)
        document["components"]["schemas"] |= schemas["$defs"]
        if self.bearer:
            document["components"]["securitySchemes"] = {"bearer": self.bearer}
            document["security"] = [{"bearer": []}]
        return document


async def on_repository_error(_: Request, error: errors.RepositoryError) -> ProblemResponse:
    detail, fields, headers = str(error), [], {}
    if isinstance(error, errors.Conflict):
        fields = [FieldProblem(location="body", field=f, detail=detail) for f in error.fields]
    if isinstance(error, errors.Unavailable):
        headers = RETRY_LATER
        # What follows the first line may hold a statement.
        log.warning("%s %s", error, str(error.__cause__ or "").partition("\n")[0])
    status = next(STATUS[kind] for kind in type(error).__mro__ if kind in STATUS)
    return problem(status, detail, fields, headers)


async def on_invalid_request(_: Request, error: RequestValidationError) -> ProblemResponse:
    # What the client sent is never sent back: it may not even be valid JSON.
    fields = [
        FieldProblem(
            location=str(wrong["loc"][0]),
            field=".".join(str(part) for part in wrong["loc"][1:]),
            detail=wrong["msg"].removeprefix("Value error, "),
        )
        for wrong in error.errors()
        if wrong["type"] != "json_invalid"
    ]
    return problem(422, "The request is not valid.", fields or [NO_JSON])


async def on_http_exception(request: Request, error: HTTPException) -> ProblemResponse:
    if error.status_code == HTTPStatus.BAD_REQUEST and error.__cause__:
        # FastAPI answers so to what the JSON parser cannot even read: broken UTF-8, for one.
        return problem(422, "The request is not valid.", [NO_JSON])
    headers = dict(error.headers or {})
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        headers["Allow"] = ", ".join(_allowed_methods(request))
    return problem(error.status_code, str(error.detail), headers=headers)


def _allowed_methods(request: Request) -> list[str]:
    """All of the path's methods; Starlette names those of one route, and a path may have more."""
    return [
        method
        for method in METHODS
        for route in request.app.routes
        if route.matches({**request.scope, "method": method})[0] is Match.FULL
    ]


Handler = Callable[[Request, Any], Coroutine[Any, Any, Response]]

HANDLERS: dict[int | type[Exception], Handler] = {
    errors.RepositoryError: on_repository_error,
    RequestValidationError: on_invalid_request,
    HTTPException: on_http_exception,
}
