"""Malformed requests, sent directly to the server's socket."""

import socket
from contextlib import suppress

from tests.system.conftest import Serve, Server
from tests.system.test_concurrency import create


def request(line: str, body: bytes = b"", content_type: str = "application/json") -> bytes:
    headers = ["Host: localhost", "Connection: close", f"Content-Type: {content_type}"]
    text = "\r\n".join([f"{line} HTTP/1.1", *headers, f"Content-Length: {len(body)}", "", ""])
    return text.encode("latin-1") + body


POST = "POST /v1/widgets"

# The HTTP server itself rejects invalid HTTP, in plain text instead of problem+json.
CASES = [
    (422, request("GET /v1/widgets?name_contains=" + "a" * 32_000)),
    (422, request("GET /v1/widgets?name_contains=" + "a" * 65_000)),
    (400, request("GET /v1/widgets?name_contains=" + "a" * 66_000)),
    (422, request("GET /v1/widgets?" + "&".join(f"a{number}=1" for number in range(4_000)))),
    (404, request("GET /v1/widgets/" + "a" * 32_000)),
    (422, request("GET /v1/widgets?name_contains=%FF%00")),
    (422, request("GET /v1/widgets?limit=%F0%9F%92%A9")),
    (404, request("GET /v1/widgets/%2e%2e%2fetc%2fpasswd")),
    (404, request("GET http://elsewhere/v1/nothing")),
    (405, request("TRACE /v1/widgets")),
    (422, request(POST, b"\xff\xfe{}")),
    (422, request(POST, b'{"name": "\xed\xa0\x80"}')),
    (422, request(POST, b'{"name": "x", "quantity": ' + b"9" * 5_000 + b"}")),
    (422, request(POST, b'{"a":' * 100_000)),
    (422, request(POST, b'{"name": "x", "b": ' + b"[" * 900 + b"]" * 900 + b"}")),
    (422, request(POST, b'{"name": "x"}', "text/\xff")),
    (413, request(POST, b" " * 10_000_000)),
    (400, b"GET /v1/widgets HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n"),
    (400, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"),
]


def test_malformed_requests_do_not_affect_the_next_one(serve: Serve) -> None:
    server = serve()
    results = []
    for _, sent in CASES:
        response = exchange(server, sent)
        results.append((int(response[9:12]), sent))
        assert any(words in response for words in (b"detail", b"Invalid HTTP")), response
    assert [(status, sent[:60]) for status, sent in results] == [
        (status, sent[:60]) for status, sent in CASES
    ]
    assert create(server, "after").status_code == 201


def exchange(server: Server, sent: bytes) -> bytes:
    """Returns all bytes that the server sends before it closes the connection."""
    response = b""
    with socket.create_connection(server.address, timeout=10) as connection:
        # The server may close the connection early; its response can still be read.
        with suppress(ConnectionError):
            connection.sendall(sent)
        with suppress(ConnectionError):
            while received := connection.recv(65536):
                response += received
    return response
