"""A token issuer for tests, which publishes its keys on a local port."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm
from pydantic import HttpUrl

from app.settings import Settings
from tests.ports import http_server

KEYS = {name: rsa.generate_private_key(65537, 2048) for name in ("first", "second")}


class Issuer:
    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.published = ["first"]
        self.response: bytes | None = None
        self.fetches = 0

    def document(self) -> bytes:
        self.fetches += 1
        keys = (
            {**RSAAlgorithm.to_jwk(KEYS[name].public_key(), as_dict=True), "kid": name}
            for name in self.published
        )
        return self.response or json.dumps({"keys": [*keys]}).encode()

    def token(self, key: str = "first", algorithm: str = "RS256", **changes: object) -> str:
        claims = {"iss": self.url, "aud": "items", "exp": time.time() + 600, "sub": "me"} | changes
        payload = {name: value for name, value in claims.items() if value is not None}
        secret: Any = KEYS.get(key, KEYS["first"])
        if algorithm != "RS256":
            secret = "public" * 10 if algorithm == "HS256" else None
        return jwt.encode(payload, secret, algorithm, headers={"kid": key})

    def trusted(self, settings: Settings) -> Settings:
        """Returns the settings of a service that accepts this issuer's tokens."""
        url = HttpUrl(f"{self.url}/.well-known/jwks.json")
        return settings.model_copy(
            update={"auth": None, "auth_jwks_url": url, "auth_audience": "items"}
        )


@contextmanager
def serving() -> Iterator[Issuer]:
    with http_server(lambda *_: issuer.document()) as port:
        issuer = Issuer(port)
        yield issuer


def bearing(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}
