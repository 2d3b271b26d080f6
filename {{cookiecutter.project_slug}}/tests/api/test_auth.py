"""With AUTH_JWKS_URL and AUTH_AUDIENCE set, `/v1` is for bearers of a valid token."""

import json
import time
from collections.abc import Iterator
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from fastapi import Request
from fastapi.testclient import TestClient
from jwt.algorithms import RSAAlgorithm
from pydantic import HttpUrl, ValidationError

from app.api import auth
from app.main import create_app
from app.settings import Settings
from tests.api.client import URL, problem
from tests.conftest import application, settings_for
from tests.database import UNREACHABLE_URL
from tests.fakes.store import InMemoryStore
from tests.ports import http_server

KEYS = {name: rsa.generate_private_key(65537, 2048) for name in ("first", "second")}


class Issuer:
    """Publishes keys on a port of this machine, and signs tokens with them."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.published = ["first"]
        self.answer: bytes | None = None
        self.asked = 0

    def document(self) -> bytes:
        self.asked += 1
        keys = (
            {**RSAAlgorithm.to_jwk(KEYS[name].public_key(), as_dict=True), "kid": name}
            for name in self.published
        )
        return self.answer or json.dumps({"keys": [*keys]}).encode()

    def token(self, key: str = "first", algorithm: str = "RS256", **changes: object) -> str:
        claims = {"iss": self.url, "aud": "items", "exp": time.time() + 60, "sub": "me"} | changes
        given = {name: value for name, value in claims.items() if value is not None}
        secret: Any = KEYS.get(key, KEYS["first"])
        if algorithm != "RS256":
            secret = "public" * 10 if algorithm == "HS256" else None
        return jwt.encode(given, secret, algorithm, headers={"kid": key})


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    with http_server(lambda *_: published.document()) as port:
        published = Issuer(port)
        yield published


def secured(url: str) -> Settings:
    update = {"auth_jwks_url": HttpUrl(url), "auth_audience": "items"}
    return settings_for(UNREACHABLE_URL).model_copy(update=update)


@pytest.fixture
def client(issuer: Issuer) -> Iterator[TestClient]:
    app = create_app(secured(f"{issuer.url}/.well-known/jwks.json"), InMemoryStore())
    with TestClient(app) as client:
        yield client


def bearing(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def status(client: TestClient, token: str) -> int:
    return client.get(URL, headers=bearing(token)).status_code


def test_who_has_a_valid_token_is_let_in(client: TestClient, issuer: Issuer) -> None:
    app = application(client)

    @app.get("/v1/me")
    def me(request: Request) -> Any:
        return request.state.claims["sub"]

    assert client.get("/v1/me", headers=bearing(issuer.token())).json() == "me"
    assert client.get("/v1/me", headers=bearing(issuer.token())).json() == "me"
    assert issuer.asked == 1


def test_who_has_none_is_told_what_is_needed(client: TestClient) -> None:
    for headers in ({}, {"Authorization": "Basic bWU6c2VjcmV0"}, {"Authorization": "Bearer"}):
        response = client.get(URL, headers=headers)
        problem(response, 401)
        assert response.headers["www-authenticate"] == "Bearer"
    problem(client.post(URL, content=b"x" * 2_000_000), 401)  # before its body is read


def test_the_probes_and_the_docs_need_none(client: TestClient) -> None:
    for path in ("/livez", "/readyz", "/metrics", "/docs", "/openapi.json"):
        assert client.get(path).status_code == 200


@pytest.mark.parametrize(
    "wrong",
    [
        {"exp": time.time() - 60},
        {"exp": None},
        {"nbf": time.time() + 600},
        {"aud": "others"},
        {"aud": None},
        {"iss": "https://example.com"},
        {"iss": None},
        {"key": "second"},
        {"algorithm": "HS256"},
        {"algorithm": "none"},
    ],
    ids=str,
)
def test_a_token_that_is_not_valid_is_refused(
    client: TestClient, issuer: Issuer, wrong: dict[str, Any]
) -> None:
    assert status(client, issuer.token()) == 200
    assert status(client, issuer.token(**wrong)) == 401


@pytest.mark.parametrize("token", ["", "a", "a.b.c", "..", "\xff", "e30.e30.", "eyJraWQiOjF9.e30."])
def test_what_is_no_token_is_refused(client: TestClient, issuer: Issuer, token: str) -> None:
    sent = {b"Authorization": f"Bearer {token}".encode("latin-1")}
    problem(client.get(URL, headers=sent), 401)


def test_a_signature_of_another_key_is_refused(client: TestClient, issuer: Issuer) -> None:
    head, body, _ = issuer.token().split(".")
    signature = issuer.token(key="second").split(".")[2]
    assert status(client, f"{head}.{body}.{signature}") == 401


def test_a_new_key_is_found_and_not_more_often_than_that(
    client: TestClient, issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(auth, "COOLDOWN_SECONDS", 0.2)
    assert status(client, issuer.token()) == 200
    issuer.published = ["second"]
    assert {status(client, issuer.token("second")) for _ in range(5)} == {401}
    assert issuer.asked == 1
    time.sleep(0.2)
    assert status(client, issuer.token("second")) == 200
    assert status(client, issuer.token("first")) == 401  # it was withdrawn


def test_a_withdrawn_key_is_forgotten(
    client: TestClient, issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(auth, "KEYS_SECONDS", 0)
    monkeypatch.setattr(auth, "COOLDOWN_SECONDS", 0)
    issuer.published = ["first", "second"]
    assert status(client, issuer.token("second")) == 200
    issuer.published = ["first"]
    assert status(client, issuer.token("second")) == 401


@pytest.mark.parametrize(
    "answer",
    [b"down", b"[]", b"{}", b'{"keys": []}', b"[" * 200_000],
    ids=lambda sent: repr(sent[:8]),
)
def test_keys_that_cannot_be_read_leave_those_from_before(
    client: TestClient, issuer: Issuer, answer: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(auth, "KEYS_SECONDS", 0)
    monkeypatch.setattr(auth, "COOLDOWN_SECONDS", 0)
    issuer.answer = answer
    response = client.get(URL, headers=bearing(issuer.token()))
    problem(response, 503)
    assert response.headers["retry-after"] == "1"
    issuer.answer = None
    assert status(client, issuer.token()) == 200
    issuer.answer = answer
    assert status(client, issuer.token()) == 200


def test_the_document_says_what_is_needed(client: TestClient) -> None:
    document = client.get("/openapi.json").json()
    (name,) = document["components"]["securitySchemes"]
    assert document["security"] == [{name: []}]


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"auth_jwks_url": "https://me.example/keys"}, "AUTH_AUDIENCE"),
        ({"auth_audience": "items"}, "AUTH_JWKS_URL"),
        ({"auth_issuer": "https://me.example"}, "AUTH_JWKS_URL"),
        ({"auth_jwks_url": "https://me.example/keys", "auth_audience": "items"}, "AUTH_ISSUER"),
        (
            {
                "auth_jwks_url": "https://me.example/.well-known/jwks.json",
                "auth_audience": "items",
                "auth": "none",
            },
            "contradict",
        ),
    ],
)
def test_settings_that_do_not_fit_are_refused(given: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        Settings(**given)


def test_production_lets_everybody_in_only_if_told_to() -> None:
    with pytest.raises(ValueError, match="AUTH=none"):
        create_app(Settings(app_env="production"), InMemoryStore())
    assert create_app(Settings(app_env="production", auth="none"), InMemoryStore())


def test_the_issuer_may_have_another_address_than_its_keys() -> None:
    issuers = Settings(
        auth_jwks_url=HttpUrl("https://keys.example/42"),
        auth_audience="items",
        auth_issuer="https://me.example",
    ).issuers
    assert issuers == ["https://me.example"]
