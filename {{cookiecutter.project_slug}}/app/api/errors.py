"""Error responses, as `application/problem+json`."""

import json
import logging
from collections.abc import Callable, Coroutine, Mapping, Sequence
from http import HTTPStatus
from http.client import responses
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.encoders import jsonable_encoder
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.utils import is_body_allowed_for_status_code
from pydantic.json_schema import models_json_schema
from starlette.exceptions import HTTPException
from starlette.routing import Match

from app.repositories import errors
from app.schemas.problems import FieldProblem, Problem

STATUS: dict[type[errors.RepositoryError], int] = {
    errors.Forbidden: 403,
    errors.NotFound: 404,
    errors.Refused: 409,
    errors.Stale: 412,
    errors.Invalid: 422,
    errors.Unavailable: 503,
}
RETRY_LATER = {"Retry-After": "1"}  # in seconds
NOT_JSON = "is not JSON in UTF-8"
# Valid JSON that Python's parser cannot handle.
PARSER_LIMITS: dict[type[BaseException], str] = {
    RecursionError: "is nested too deeply",
    ValueError: "has a number with too many digits",
}
# Pydantic's own messages name Python types.
JSON_MESSAGES = {
    "dict_type": "Input should be an object",
    "model_type": "Input should be an object",
    "model_attributes_type": "Input should be an object",
    "list_type": "Input should be an array",
    "tuple_type": "Input should be an array",
    "too_short": "Input should have at least {min_length} items",
    "too_long": "Input should have at most {max_length} items",
    "uuid_type": "Input should be a string with a UUID",
}
REF = "#/components/schemas/{model}"
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")

log = logging.getLogger(__name__)

# Python 3.13 has the phrases of RFC 9110, older versions those of RFC 7231: openapi.json must not
# depend on the version.
PHRASES = responses | {
    413: "Content Too Large",
    414: "URI Too Long",
    416: "Range Not Satisfiable",
    422: "Unprocessable Content",
}


def _phrase(status: int) -> str:
    return PHRASES.get(status, "Unknown Error")


class ProblemResponse(JSONResponse):
    media_type = "application/problem+json"

    def render(self, content: Any) -> bytes:
        # In ASCII: a client may have sent a lone surrogate, which UTF-8 cannot encode.
        return json.dumps(content).encode()


def problem(
    status: int,
    detail: str,
    fields: Sequence[FieldProblem] = (),
    headers: Mapping[str, str] | None = None,
    members: Mapping[str, Any] | None = None,
) -> ProblemResponse:
    """Returns a problem response; `members` extend it, but cannot replace its own members."""
    title = _phrase(status)
    body = Problem(title=title, status=status, detail=detail, errors=list(fields))
    return ProblemResponse({**(members or {}), **body.model_dump()}, status, headers)


def header(description: str, type_: str = "string") -> dict[str, Any]:
    """Documents a header that a response always has, for OpenAPI."""
    return {"description": description, "required": True, "schema": {"type": type_}}


RETRY_AFTER = {"Retry-After": header("Seconds to wait before the next try.", "integer")}
HEADERS = {
    401: {"WWW-Authenticate": header("The authentication scheme.")},
    429: RETRY_AFTER,
    503: RETRY_AFTER,
}


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Documents the error responses of a route, for OpenAPI."""
    content = {ProblemResponse.media_type: {"schema": {"$ref": REF.format(model="Problem")}}}
    documented: dict[int | str, dict[str, Any]] = {}
    for status in statuses:
        documented[status] = {"description": _phrase(status), "content": content}
        if status in HEADERS:
            documented[status]["headers"] = HEADERS[status]
    return documented


class ProblemAPI(FastAPI):
    """Adds to the OpenAPI document what FastAPI does not know: `Problem` and the bearer token."""

    bearer: dict[str, str] | None = None

    def openapi(self) -> dict[str, Any]:
        document = super().openapi()
        _, schemas = models_json_schema([(Problem, "serialization")], ref_template=REF)
        document["components"]["schemas"] |= schemas["$defs"]
        if self.bearer:
            document["components"]["securitySchemes"] = {"bearer": self.bearer}
            document["security"] = [{"bearer": []}]
            unauthorized = problems(401)[401]
            for path in document["paths"].values():
                for operation in path.values():
                    if "security" not in operation:
                        operation["responses"].setdefault("401", unauthorized)
        return document


async def on_repository_error(_: Request, error: errors.RepositoryError) -> ProblemResponse:
    detail, fields, headers = str(error), [], {}
    if isinstance(error, errors.Refused):
        fields = [FieldProblem(location="body", field=f, detail=detail) for f in error.fields]
    if isinstance(error, errors.Unavailable):
        headers = RETRY_LATER
    if isinstance(error, errors.Unavailable | errors.Invalid):
        # Its first line names the constraint; the rest may contain a statement or a row.
        log.warning("%s %s", error, str(error.__cause__ or "").partition("\n")[0])
    status = next(STATUS[kind] for kind in type(error).__mro__ if kind in STATUS)
    return problem(status, detail, fields, headers)


async def on_invalid_request(_: Request, error: RequestValidationError) -> ProblemResponse:
    # Input is never echoed: it may not even be valid JSON.
    fields = [
        FieldProblem(
            location=str(details["loc"][0]),
            field=".".join(str(part) for part in details["loc"][1:]),
            detail=_detail(details),
        )
        for details in error.errors()
        if details["type"] != "json_invalid"
    ]
    return _invalid_request(fields) if fields else _unreadable_body(NOT_JSON)


def _detail(details: Mapping[str, Any]) -> str:
    if message := JSON_MESSAGES.get(details["type"]):
        return message.format_map(details.get("ctx", {}))
    detail: str = details["msg"]
    return detail.removeprefix("Value error, ")


def _invalid_request(fields: Sequence[FieldProblem]) -> ProblemResponse:
    return problem(422, "The request is not valid.", fields)


def _unreadable_body(detail: str) -> ProblemResponse:
    return _invalid_request([FieldProblem(location="body", field="", detail=detail)])


async def on_http_exception(request: Request, error: HTTPException) -> Response:
    """Turns a `detail` that is not a string into extension members of the problem.

    Each item of a dict becomes a member; its `detail`, if a string, becomes that of the problem.
    Any other value becomes the member `details`.
    """
    if error.status_code == HTTPStatus.BAD_REQUEST and error.__cause__:
        # FastAPI raises it for a body that the JSON parser cannot read, such as invalid UTF-8.
        return _unreadable_body(PARSER_LIMITS.get(type(error.__cause__), NOT_JSON))
    headers = dict(error.headers or {})
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        headers["Allow"] = ", ".join(_allowed_methods(request))
    if not is_body_allowed_for_status_code(error.status_code):
        return Response(status_code=error.status_code, headers=headers)
    content: Any = jsonable_encoder(error.detail)  # Starlette declares it as a string
    if isinstance(content, str):
        return problem(error.status_code, content, headers=headers)
    members = content if isinstance(content, dict) else {"details": content}
    detail = members.get("detail")
    if not isinstance(detail, str):
        detail = _phrase(error.status_code)
    return problem(error.status_code, detail, headers=headers, members=members)


def _allowed_methods(request: Request) -> list[str]:
    """Returns all methods of the path; Starlette names only those of one route."""
    return [
        method
        for method in METHODS
        for route in request.app.routes
        if route.matches({**request.scope, "method": method})[0] is Match.FULL
    ]


Handler = Callable[[Request, Any], Coroutine[Any, Any, Response]]

HANDLERS: dict[int | type[Exception], Handler] = {
    # Only errors that have a status: any other one is a bug, so a logged 500.
    **dict.fromkeys(STATUS, on_repository_error),
    RequestValidationError: on_invalid_request,
    HTTPException: on_http_exception,
}
