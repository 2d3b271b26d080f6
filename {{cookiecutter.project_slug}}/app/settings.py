"""Every environment variable that the service reads; `.env` may set them too."""

import re
import sys
from typing import Annotated, Any, Literal, Self

from pydantic import (
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

Lower = BeforeValidator(lambda value: value.lower() if isinstance(value, str) else value)
Seconds = Annotated[float, Field(ge=0.001, le=3600)]
CommaSeparated = Annotated[
    tuple[Annotated[str, Field(pattern=r"^(\*\.)?[^*\s]+$")], ...],
    NoDecode,
    BeforeValidator(lambda value: re.split(r"\s*,\s*", value) if isinstance(value, str) else value),
]


def _format_for(data: dict[str, Any]) -> Literal["json", "console"]:
    return "json" if data.get("app_env") == "production" else "console"


def _drain_for(data: dict[str, Any]) -> float:
    return 5 if data.get("app_env") == "production" else 0


class Settings(BaseSettings):
    """Raises a `ValidationError` that names each bad variable, but never shows its value."""

    model_config = SettingsConfigDict(
        env_file=".env", env_ignore_empty=True, extra="ignore", hide_input_in_errors=True
    )

    app_env: Annotated[Literal["development", "production"], Lower] = "development"

    host: str = "127.0.0.1"
    port: int = Field(8000, ge=0, le=65535)
    workers: PositiveInt = 1
    # After SIGTERM: how long it still serves, and then how long what is in work may take.
    drain_seconds: float = Field(ge=0, le=3600, default_factory=_drain_for)
    shutdown_timeout: PositiveInt = 10

    # The names under which clients come here; browsers of these origins may read the answers.
    allowed_hosts: CommaSeparated = ("localhost", "127.0.0.1", "[::1]")
    cors_origins: CommaSeparated = ()
    docs: bool = True

    # Who signs the bearer tokens that /v1 asks for, for whom, and how; or that it asks for none.
    auth_jwks_url: HttpUrl | None = None
    auth_audience: str | None = None
    auth_issuer: str | None = None
    auth_algorithm: Literal["RS256", "PS256", "ES256", "ES384", "EdDSA"] = "RS256"
    auth: Annotated[Literal["none"] | None, Lower] = None

    log_level: Annotated[Literal["debug", "info", "warning", "error"], Lower] = "info"
    log_format: Annotated[Literal["json", "console"], Lower] = Field(default_factory=_format_for)

    database_url: SecretStr = SecretStr(DEFAULT_URL)
    # Connections of each worker: those that it keeps, and those that it adds under load.
    database_pool_size: PositiveInt = 10
    database_max_overflow: NonNegativeInt = 0
    # A request that has no connection by then is told to come back.
    database_pool_timeout: Seconds = 0.5
{% if cookiecutter.database == "sqlite" %}
    # How long a writer waits for the others.
    database_timeout: Seconds = 5
    # `full` keeps the last commits through a power cut, and makes each of them slower.
    database_synchronous: Annotated[Literal["normal", "full"], Lower] = "normal"
{% else %}
    # For a new connection, for a statement's result, and for a transaction's next statement.
    database_timeout: Annotated[int, Field(gt=0, le=3600)] = 5
    # For a lock that another transaction holds.
    database_lock_timeout: Seconds = 2
    # Whether DATABASE_URL leads to PgBouncer in transaction mode.
    database_pgbouncer: bool = False
{% endif %}

    @property
    def max_connections(self) -> int:
        """How many requests a worker may work on at a time: each has one connection at most."""
        return self.database_pool_size + self.database_max_overflow

    @property
    def issuers(self) -> list[str]:
        """AUTH_ISSUER, else what comes before `/.well-known/` in AUTH_JWKS_URL."""
        if self.auth_issuer:
            return [self.auth_issuer]
        base, found, _ = str(self.auth_jwks_url).partition("/.well-known/")
        return [base, f"{base}/"] if found else []

    @model_validator(mode="after")
    def _must_not_contradict_itself(self) -> Self:
        if self.auth_jwks_url and self.auth_audience:
            if self.auth:
                raise ValueError("AUTH=none and AUTH_JWKS_URL contradict each other: unset one")
            if not self.issuers:
                raise ValueError("AUTH_ISSUER must be set: AUTH_JWKS_URL does not tell it")
        elif self.auth_jwks_url or self.auth_audience or self.auth_issuer:
            raise ValueError("AUTH_JWKS_URL and AUTH_AUDIENCE must be set, both of them")
        return self

    def check_auth(self) -> None:
        """Raises a `ValueError` where the service would let everybody in without being told to."""
        if self.app_env == "production" and not (self.auth or self.auth_jwks_url):
            raise ValueError("In production set AUTH_JWKS_URL and AUTH_AUDIENCE, or AUTH=none.")

    @field_validator("database_url")
    @classmethod
    def _must_fit_the_driver(cls, url: SecretStr) -> SecretStr:
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
            raise ValueError("must name a file: each connection to :memory: has its own")
{% else %}
        if parsed.get_backend_name() not in {"postgresql", "postgres"}:
            raise ValueError(f"must start with postgresql://, like {DEFAULT_URL}")
{% endif %}
        return url


def read_settings() -> Settings:
    """Ends the program with a sentence for each variable that is wrong."""
    try:
        return Settings()
    except ValidationError as error:
        wrong = [
            f"{str(*e['loc'][:1]).upper() or 'AUTH'}: {e['msg'].removeprefix('Value error, ')}"
            for e in error.errors()
            if e["type"] != "default_factory_not_called"  # only follows from another one
        ]
        sys.exit("\n".join(["The environment or .env is not right:", *wrong]))
