"""Every environment variable that the service reads; `.env` may set them too."""

import sys
from typing import Annotated, Any, Literal

from pydantic import (
    BeforeValidator,
    Field,
    NonNegativeInt,
    PositiveInt,
    SecretStr,
    ValidationError,
    field_validator,
)
from pydantic_settings import BaseSettings, SettingsConfigDict
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


def _format_for(data: dict[str, Any]) -> Literal["json", "console"]:
    return "json" if data.get("app_env") == "production" else "console"


class Settings(BaseSettings):
    """Raises a `ValidationError` that names each bad variable, but never shows its value."""

    model_config = SettingsConfigDict(env_file=".env", extra="ignore", hide_input_in_errors=True)

    app_env: Annotated[Literal["development", "production"], Lower] = "development"

    host: str = "127.0.0.1"
    port: int = Field(8000, ge=0, le=65535)
    workers: PositiveInt = 1

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
            f"{str(e['loc'][0]).upper()}: {e['msg'].removeprefix('Value error, ')}"
            for e in error.errors()
            if e["type"] != "default_factory_not_called"  # only follows from another one
        ]
        sys.exit("\n".join(["The environment or .env is not right:", *wrong]))
