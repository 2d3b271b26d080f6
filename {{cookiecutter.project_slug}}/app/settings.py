"""All settings, from environment variables or `.env`."""

import json
import os
import re
import sys
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    HttpUrl,
    NonNegativeInt,
    PositiveInt,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

NAME = "{{ cookiecutter.project_slug }}"
{% if cookiecutter.database == "sqlite" %}
DEFAULT_URL = f"sqlite:///./{NAME}.db"
{% else %}
DEFAULT_URL = f"postgresql://postgres:postgres@localhost:5432/{NAME}"
{% endif %}

HOST = re.compile(r"(\*\.)?[a-z0-9_-]+(\.[a-z0-9_-]+)*|\[[0-9a-f:.]+\]")
ORIGIN = re.compile(
    r"(?P<address>(?P<scheme>[a-z][a-z0-9+.-]*)://([a-z0-9_.-]+|\[[0-9a-f:.]+\]))(?P<port>(:[1-9]\d{0,4})?)/?"
)
DEFAULT_PORTS = {"http": ":80", "https": ":443"}

Lower = BeforeValidator(lambda value: value.lower() if isinstance(value, str) else value)
Seconds = Annotated[float, Field(ge=0.001, le=3600)]


def _split_list(value: object) -> object:
    """Splits a comma-separated or JSON list, and removes quotes around its parts."""
    if not isinstance(value, str):
        return value
    if value.startswith("["):
        try:
            return json.loads(value)
        except ValueError:
            pass  # an IPv6 address starts with a bracket too
    parts = (part.strip().strip("\"'") for part in value.split(","))
    return [part for part in parts if part]


def _host(name: str) -> str:
    if not HOST.fullmatch(name.lower()):
        raise ValueError(
            f"{name!r} is not a host name: write it without scheme, port and path, "
            "like api.example.com, *.example.com or [::1]"
        )
    return name.lower()


def _origin(text: str) -> str:
    """Returns an origin as browsers do: https://www.rfc-editor.org/rfc/rfc6454#section-6.2."""
    origin = ORIGIN.fullmatch(text.lower())
    if not origin:
        raise ValueError(
            f"{text!r} is not an origin: write scheme, host and port if it has one, "
            "like https://app.example.com or http://localhost:3000"
        )
    address, scheme, port = origin.group("address", "scheme", "port")
    return address if DEFAULT_PORTS.get(scheme) == port else address + port


def _network(text: str) -> str:
    try:
        return text if text == "*" else str(ip_network(text))
    except ValueError:
        raise ValueError(
            f"{text!r} is not an address or a network: write it like 10.0.0.7 or 10.0.0.0/8, "
            "or * for every proxy"
        ) from None


def _root_path(path: str) -> str:
    if not re.fullmatch(r"(/[\w-][\w.~-]*)*", path, re.ASCII):
        raise ValueError(f"{path!r} is not a prefix: write it like /api, no slash at the end")
    return path


Listed = BeforeValidator(_split_list)
Hosts = Annotated[
    tuple[Annotated[str, AfterValidator(_host)], ...], NoDecode, Listed, Field(min_length=1)
]
Networks = Annotated[tuple[Annotated[str, AfterValidator(_network)], ...], NoDecode, Listed]
Origins = Annotated[tuple[Annotated[str, AfterValidator(_origin)], ...], NoDecode, Listed]


def _format_for(data: dict[str, Any]) -> Literal["json", "console"]:
    return "json" if data.get("app_env") == "production" else "console"


def _drain_for(data: dict[str, Any]) -> float:
    return 5 if data.get("app_env") == "production" else 0


class Settings(BaseSettings):
    """Raises a `ValidationError` that names each invalid variable, but never shows its value."""

    model_config = SettingsConfigDict(
        env_file=".env", env_ignore_empty=True, extra="ignore", hide_input_in_errors=True
    )

    app_env: Annotated[Literal["development", "production"], Lower] = "development"

    host: str = "127.0.0.1"
    port: int = Field(8000, ge=0, le=65535)
    workers: PositiveInt = 1
{% if cookiecutter.concurrency == "sync" %}
    # Concurrent handlers per worker, not counting those that block for longer than 10 ms.
    handler_threads: int = Field({{ 1 if cookiecutter.database == "sqlite" else 2 }}, ge=1, le=128)
{% endif %}
    # After SIGTERM: seconds to keep serving, then seconds for running requests to finish.
    drain_seconds: float = Field(ge=0, le=3600, default_factory=_drain_for)
    shutdown_timeout: PositiveInt = 10
    # Concurrent requests per worker.
    max_concurrent_requests: PositiveInt = 100
    # Requests per minute that each client may send to each worker.
    rate_limit: PositiveInt | None = None
    # Maximum size of a request body, except for the paths of BODY_LIMITS in app/api/paths.py.
    max_body_bytes: PositiveInt = 1_000_000
    # Seconds within which a response must begin, whatever its request waits for.
    request_timeout: Seconds = 30
    # Seconds to keep idle connections. A load balancer must close them first, as most do after 60
    # seconds: a request on a connection that the service is closing fails.
    keep_alive_timeout: PositiveInt = 75

    # Host names that requests may use, and origins from which browsers may read responses.
    allowed_hosts: Hosts = ("localhost", "127.0.0.1", "[::1]")
    cors_origins: Origins = ()
    # Path prefix under which a proxy serves the API, and proxies whose forwarded headers count.
    root_path: Annotated[str, AfterValidator(_root_path)] = ""
    forwarded_allow_ips: Networks = ("127.0.0.1",)
    docs: bool = True

    # JWT validation, or AUTH=none for no authentication.
    auth_jwks_url: HttpUrl | None = None
    auth_audience: str | None = None
    auth_audience_claim: str = "aud"
    auth_issuer: str | None = None
    auth_roles_claim: str = "roles"
    auth_algorithm: Literal["RS256", "PS256", "ES256", "ES384", "EdDSA"] = "RS256"
    auth: Annotated[Literal["none"] | None, Lower] = None
    metrics: Annotated[Literal["open", "token"], Lower] = "open"

    log_level: Annotated[Literal["debug", "info", "warning", "error"], Lower] = "info"
    log_format: Annotated[Literal["json", "console"], Lower] = Field(default_factory=_format_for)

    database_url: SecretStr = SecretStr(DEFAULT_URL)
    # Connections per worker: those that it keeps, and those that it adds under load.
    database_pool_size: PositiveInt = 10
    database_max_overflow: NonNegativeInt = 0
    # Seconds that a request waits for a slot, and for a connection, before it gets a 503.
    database_pool_timeout: Seconds = 0.5
{% if cookiecutter.database == "sqlite" %}
    # Seconds that a writer waits for other writers.
    database_timeout: Seconds = 5
    # With `full` the last commits survive a power failure, but each commit is slower.
    database_synchronous: Annotated[Literal["normal", "full"], Lower] = "normal"
{% else %}
    # Seconds to connect, for a statement's result, and for a transaction's next statement.
    database_timeout: Annotated[int, Field(gt=0, le=3600)] = 5
    # Seconds to wait for a lock that another transaction holds.
    database_lock_timeout: Seconds = 2
    # Whether DATABASE_URL points to PgBouncer in transaction mode.
    database_pgbouncer: bool = False
{% endif %}

    @property
    def max_connections(self) -> int:
        """The maximum number of concurrent sessions per worker."""
        return self.database_pool_size + self.database_max_overflow

    @property
    def checks_tokens(self) -> bool:
        return self.auth_jwks_url is not None

    @property
    def issuers(self) -> list[str]:
        """Accepted issuers: AUTH_ISSUER, else the part of AUTH_JWKS_URL before `/.well-known/`."""
        if self.auth_issuer:
            return [self.auth_issuer]
        base, found, _ = str(self.auth_jwks_url).partition("/.well-known/")
        return [base, f"{base}/"] if found else []

    @model_validator(mode="before")
    @classmethod
    def _strip(cls, values: dict[str, Any]) -> dict[str, Any]:
        """Strips whitespace around values: a secret from a file ends in a newline."""
        stripped = {
            name: value.strip() if isinstance(value, str) else value
            for name, value in values.items()
        }
        return {name: value for name, value in stripped.items() if value != ""}

    @model_validator(mode="after")
    def _must_be_consistent(self) -> Self:
        if self.auth_jwks_url and self.auth_audience:
            if self.auth:
                raise ValueError(f"AUTH={self.auth} excludes AUTH_JWKS_URL: unset one of them")
            if not self.issuers:
                raise ValueError("AUTH_ISSUER must be set: it cannot be derived from AUTH_JWKS_URL")
        elif self.auth_jwks_url or self.auth_audience or self.auth_issuer:
            raise ValueError("AUTH_JWKS_URL and AUTH_AUDIENCE must be set together")
        return self

    def check_auth(self) -> None:
        """Raises a `ValueError` if production would run unprotected without AUTH=none."""
        if self.app_env == "production" and not (self.auth or self.auth_jwks_url):
            raise ValueError("In production set AUTH_JWKS_URL and AUTH_AUDIENCE, or AUTH=none.")

    @field_validator("host")
    @classmethod
    def _must_be_an_address(cls, host: str) -> str:
        if "*" in host:  # some systems resolve it to the loopback address
            raise ValueError(f"{host!r} is not an address: write one to listen on, like 0.0.0.0")
        return host

    @field_validator("database_url")
    @classmethod
    def _must_match_the_driver(cls, url: SecretStr) -> SecretStr:
        try:
            parsed = make_url(url.get_secret_value())
        except (ArgumentError, ValueError):
            raise ValueError(f"must be a URL, like {DEFAULT_URL}") from None
{% if cookiecutter.database == "sqlite" %}
        if parsed.get_backend_name() != "sqlite":
            raise ValueError(f"must start with sqlite://, like {DEFAULT_URL}")
        if parsed.host or parsed.username or parsed.query or str(parsed.database)[:5] == "file:":
            raise ValueError(f"must be a path and nothing more, like {DEFAULT_URL}")
        if parsed.database in {None, "", ":memory:"}:
            raise ValueError("must name a file: each connection to :memory: has its own database")
{% else %}
        if parsed.get_backend_name() not in {"postgresql", "postgres"}:
            raise ValueError(f"must start with postgresql://, like {DEFAULT_URL}")
{% endif %}
        return url


def _check_file(name: Any) -> None:
    """Raises an `OSError` or a `UnicodeError` for a file that would be silently ignored."""
    path = Path(name or os.devnull)
    if path.is_symlink() or path.exists():
        if path.resolve().is_dir() or path.is_fifo():
            raise OSError("it is not a file")
        if "\0" in path.read_text(encoding="utf-8"):
            raise UnicodeError("it contains NUL characters, as UTF-16 does")


def read_settings() -> Settings:
    """Returns the settings; exits with an error message for each invalid variable."""
    try:
        _check_file(Settings.model_config.get("env_file"))
        return Settings()
    except (UnicodeError, OSError) as error:
        sys.exit(f".env cannot be read: {error}. Save it as a text file in UTF-8.")
    except ValidationError as error:
        messages = [
            f"{str(*e['loc'][:1]).upper() or 'AUTH'}: {e['msg'].removeprefix('Value error, ')}"
            for e in error.errors()
            if e["type"] != "default_factory_not_called"  # caused by another error
        ]
        sys.exit("\n".join(["Invalid settings in the environment or .env:", *messages]))
