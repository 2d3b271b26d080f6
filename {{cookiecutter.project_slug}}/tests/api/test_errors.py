"""Error responses that are the same for every resource."""

from collections.abc import Iterator
from datetime import date
from typing import Any
from uuid import UUID

import pytest
from fastapi import HTTPException
from fastapi.responses import StreamingResponse
from fastapi.testclient import TestClient

from app.api.errors import problems
from app.repositories.errors import (
    Conflict,
    Forbidden,
    InUse,
    Invalid,
    MissingReference,
    NotFound,
    Refused,
    RepositoryError,
)
from app.settings import Settings
from tests.api.client import URL, in_memory, problem, wrong_fields
from tests.conftest import application


def test_an_unknown_path_is_a_problem(client: TestClient) -> None:
    problem(client.get("/nowhere"), 404)
    problem(client.get(f"{URL}/"), 404)


def test_an_unsupported_method_is_a_problem(client: TestClient) -> None:
    for path, allowed in ((URL, "GET, POST"), (f"{URL}/{UUID(int=1)}", "GET, PATCH, DELETE")):
        response = client.put(path)
        problem(response, 405)
        assert response.headers["allow"] == allowed


@in_memory
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b'{"name": "x", "quantity": NaN}',
        b'{"name": "x", "quantity": 1e400}',
        b'{"name": "x", "quantity": -Infinity}',
        b'{"name": "x", "quantity": ' + b"9" * 5_000 + b"}",
        b'{"name": "\\ud800"}',
        b'{"\\ud800": 1, "name": "x"}',
        b'{"name": "\xff"}',
        b"[" * 100_000,
    ],
    ids=lambda body: repr(body[:20]),
)
def test_an_invalid_body_is_a_problem(client: TestClient, body: bytes) -> None:
    response = client.post(URL, content=body, headers={"Content-Type": "application/json"})
    assert {location for location, _ in wrong_fields(response)} == {"body"}


@in_memory
@pytest.mark.parametrize(
    ("body", "detail"),
    [
        (b"{", "is not JSON in UTF-8"),
        (b'{"name": "\xff"}', "is not JSON in UTF-8"),
        (b"[" * 100_000 + b"]" * 100_000, "is nested too deeply"),
        (b'{"quantity": ' + b"9" * 5_000 + b"}", "has a number with too many digits"),
        (b"null", "Input should be an object"),
        (b"[]", "Input should be an object"),
    ],
    ids=lambda value: repr(value[:20]),
)
def test_body_errors_use_json_terms(client: TestClient, body: bytes, detail: str) -> None:
    response = client.post(URL, content=body, headers={"Content-Type": "application/json"})
    assert [error["detail"] for error in problem(response, 422)["errors"]] == [detail]


@in_memory
def test_parameter_errors_use_json_terms(client: TestClient) -> None:
    response = client.get(URL, params={"sort": ["name", "created_at", "quantity"]})
    (error,) = problem(response, 422)["errors"]
    assert error["detail"] == "Input should have at most 2 items"


def test_a_body_of_another_content_type_is_a_problem(client: TestClient) -> None:
    assert wrong_fields(client.post(URL, content=b'{"name": "x"}'))
    assert wrong_fields(client.post(URL, data={"name": "x"}))


MAX_BODY_BYTES = Settings().max_body_bytes


def test_a_too_large_content_length_is_rejected(client: TestClient) -> None:
    problem(client.post(URL, content=b" " * (MAX_BODY_BYTES + 1)), 413)


def test_a_too_large_streamed_body_is_rejected(client: TestClient) -> None:
    def chunks() -> Iterator[bytes]:
        for _ in range(11):
            yield b" " * (MAX_BODY_BYTES // 10)

    headers = {"Content-Type": "application/json"}
    problem(client.post(URL, content=chunks(), headers=headers), 413)


def test_an_unexpected_error_reveals_no_details(
    client: TestClient, caplog: pytest.LogCaptureFixture
) -> None:
    app = application(client)

    @app.get("/broken")
    def broken() -> None:
        raise RuntimeError("SELECT secret FROM /etc/passwd")

    body = problem(client.get("/broken"), 500)
    assert "secret" not in str(body)
    assert "SELECT secret" in caplog.text


PAY = "Payment Required"


@in_memory
@pytest.mark.parametrize(
    ("status", "exception_detail", "expected"),
    [
        (402, "Pay first.", {"detail": "Pay first."}),
        (402, {"balance": 30}, {"detail": PAY, "balance": 30}),
        (402, {"detail": "Pay.", "status": 1}, {"detail": "Pay."}),
        (402, {"at": date(2026, 1, 2)}, {"detail": PAY, "at": "2026-01-02"}),
        (402, ["a", 1], {"detail": PAY, "details": ["a", 1]}),
        (499, "Too slow.", {"detail": "Too slow."}),
        (599, {"a": 1}, {"detail": "Unknown Error", "a": 1}),
    ],
)
def test_an_http_exception_is_a_problem(
    client: TestClient, status: int, exception_detail: Any, expected: dict[str, object]
) -> None:
    app = application(client)

    @app.get("/raises")
    def raises() -> None:
        raise HTTPException(status, exception_detail)

    body = problem(client.get("/raises"), status)
    title = PAY if status == 402 else "Unknown Error"
    own = {"type": "about:blank", "title": title, "status": status, "errors": []}
    assert body == own | expected


@in_memory
def test_an_http_exception_without_a_body_has_none(client: TestClient) -> None:
    app = application(client)

    @app.get("/raises")
    def raises() -> None:
        raise HTTPException(304, headers={"ETag": '"1"'})

    response = client.get("/raises")
    assert (response.status_code, response.content) == (304, b"")
    assert response.headers["etag"] == '"1"'


@in_memory
def test_a_violated_constraint_is_logged(
    client: TestClient, caplog: pytest.LogCaptureFixture
) -> None:
    app = application(client)

    @app.get("/refused")
    def refused() -> None:
        raise Invalid("Refused.") from ValueError("breaks ck_widgets_rule\nDETAIL: a secret")

    problem(client.get("/refused"), 422)
    (record,) = (r for r in caplog.records if r.name == "app.api.errors")
    assert (record.levelname, record.getMessage()) == ("WARNING", "Refused. breaks ck_widgets_rule")


NOBODY = UUID(int=0)


@in_memory
@pytest.mark.parametrize(
    ("error", "status", "detail", "fields"),
    [
        (NotFound(NOBODY), 404, f"No record with the id {NOBODY} exists.", []),
        (
            NotFound("jane@example.com", by="e-mail"),
            404,
            "No record with the e-mail jane@example.com exists.",
            [],
        ),
        (Forbidden("Only its author may change it."), 403, "Only its author may change it.", []),
        (Refused("Only 3 are left."), 409, "Only 3 are left.", []),
        (Refused("Only 3 are left.", "quantity"), 409, "Only 3 are left.", ["quantity"]),
        (Refused("{} of {x}", "{", "{0}"), 409, "{} of {x}", ["{", "{0}"]),
        (Conflict(), 409, "This value is already taken.", []),
        (Conflict("name", "{}"), 409, "This name and {} is already taken.", ["name", "{}"]),
        (
            MissingReference("{a}_id"),
            409,
            "The record that {a}_id refers to does not exist.",
            ["{a}_id"],
        ),
        (InUse(), 409, "Other records refer to this one: remove them first.", []),
    ],
    ids=repr,
)
def test_repository_errors_keep_their_messages(
    client: TestClient, error: RepositoryError, status: int, detail: str, fields: list[str]
) -> None:
    app = application(client)

    @app.get("/refused", responses=problems(status))
    def refused() -> None:
        raise error

    body = problem(client.get("/refused"), status)
    assert body["detail"] == detail
    assert body["errors"] == [
        {"location": "body", "field": field, "detail": detail} for field in fields
    ]
    documented = client.get("/openapi.json").json()["paths"]["/refused"]["get"]["responses"]
    assert list(documented[str(status)]["content"]) == ["application/problem+json"]
    assert documented[str(status)]["description"] == body["title"]


class Expired(NotFound): ...


class Unknown(RepositoryError): ...


@in_memory
def test_repository_errors_inherit_their_status_or_are_a_500(
    client: TestClient, caplog: pytest.LogCaptureFixture
) -> None:
    app = application(client)

    @app.get("/expired")
    def expired() -> None:
        raise Expired(NOBODY)

    @app.get("/unknown")
    def unknown() -> None:
        raise Unknown("a secret")

    problem(client.get("/expired"), 404)
    assert "Traceback" not in caplog.text
    assert "secret" not in str(problem(client.get("/unknown"), 500))
    assert "Unknown: a secret" in caplog.text


def test_errors_after_the_response_started_reach_the_server(client: TestClient) -> None:
    app = application(client)

    @app.get("/torn")
    def torn() -> StreamingResponse:
        def chunks() -> Iterator[bytes]:
            yield b"some"
            raise RuntimeError("no more")

        return StreamingResponse(chunks())

    with pytest.raises(RuntimeError, match="no more"):
        client.get("/torn")
