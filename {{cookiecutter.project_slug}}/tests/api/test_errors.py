"""What clients see when something goes wrong that is not about items alone."""

from collections.abc import Iterator

import pytest
from fastapi.responses import StreamingResponse
from fastapi.testclient import TestClient

from app.main import MAX_BODY_BYTES
from tests.api.client import URL, in_memory, problem, wrong_fields
from tests.conftest import application


def test_an_unknown_path_is_a_problem(client: TestClient) -> None:
    problem(client.get("/nowhere"), 404)
    problem(client.get(f"{URL}/"), 404)


def test_a_method_that_a_path_does_not_know_is_a_problem(client: TestClient) -> None:
    for path, allowed in ((URL, "GET, POST"), (f"{URL}/1", "GET, PATCH, DELETE")):
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
def test_a_body_that_is_no_item_is_a_problem(client: TestClient, body: bytes) -> None:
    response = client.post(URL, content=body, headers={"Content-Type": "application/json"})
    assert {location for location, _ in wrong_fields(response)} == {"body"}


def test_a_body_of_another_type_is_a_problem(client: TestClient) -> None:
    assert wrong_fields(client.post(URL, content=b'{"name": "x"}'))
    assert wrong_fields(client.post(URL, data={"name": "x"}))


def test_a_body_that_is_too_large_is_refused(client: TestClient) -> None:
    problem(client.post(URL, content=b" " * (MAX_BODY_BYTES + 1)), 413)


def test_a_body_that_turns_out_too_large_is_refused(client: TestClient) -> None:
    def chunks() -> Iterator[bytes]:
        for _ in range(11):
            yield b" " * (MAX_BODY_BYTES // 10)

    headers = {"Content-Type": "application/json"}
    problem(client.post(URL, content=chunks(), headers=headers), 413)


def test_an_unexpected_error_is_a_problem_that_tells_nothing(
    client: TestClient, caplog: pytest.LogCaptureFixture
) -> None:
    app = application(client)

    @app.get("/broken")
    def broken() -> None:
        raise RuntimeError("SELECT secret FROM /etc/passwd")

    body = problem(client.get("/broken"), 500)
    assert "secret" not in str(body)
    assert "SELECT secret" in caplog.text


def test_an_error_after_the_answer_began_is_the_servers_to_handle(client: TestClient) -> None:
    app = application(client)

    @app.get("/torn")
    def torn() -> StreamingResponse:
        def chunks() -> Iterator[bytes]:
            yield b"some"
            raise RuntimeError("no more")

        return StreamingResponse(chunks())

    with pytest.raises(RuntimeError, match="no more"):
        client.get("/torn")
