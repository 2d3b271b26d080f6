"""Every environment variable that the service reads; `.env` may set them too."""

from typing import Any, Literal

from pydantic import Field, PositiveInt, SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

NAME = "{{ cookiecutter.project_slug }}"
{% if cookiecutter.database == "sqlite" %}
DEFAULT_URL = f"sqlite:///./{NAME}.db"
{% else %}
DEFAULT_URL = f"postgresql://postgres:postgres@localhost:5432/{NAME}"
{% endif %}


def _format_for(data: dict[str, Any]) -> Literal["json", "console"]:
    return "json" if data.get("app_env") == "production" else "console"


class Settings(BaseSettings):
    """Raises a `ValidationError` that names each bad variable, but never shows its value."""

    model_config = SettingsConfigDict(env_file=".env", extra="ignore", hide_input_in_errors=True)

    app_env: Literal["development", "production"] = "development"

    host: str = "127.0.0.1"
    port: int = Field(8000, ge=0, le=65535)
    workers: PositiveInt = 1

    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["json", "console"] = Field(default_factory=_format_for)

{% if cookiecutter.database == "sqlite" %}
    database_url: SecretStr = SecretStr(DEFAULT_URL)
    # How long to wait, in seconds: for a connection of the pool, and for another writer.
    database_timeout: PositiveInt = 5
{% else %}
    database_url: SecretStr = SecretStr(DEFAULT_URL)
    # How long to wait, in seconds: for a connection of the pool, and for a new connection.
    database_timeout: PositiveInt = 5
{% endif %}
    database_pool_size: PositiveInt = 10

    @field_validator("log_level", "log_format", "app_env", mode="before")
    @classmethod
    def _in_lower_case(cls, value: Any) -> Any:
        return value.lower() if isinstance(value, str) else value

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
        if parsed.database in {None, "", ":memory:"}:
            raise ValueError("must name a file: each connection to :memory: has its own")
{% else %}
        if parsed.get_backend_name() not in {"postgresql", "postgres"}:
            raise ValueError(f"must start with postgresql://, like {DEFAULT_URL}")
{% endif %}
        return url
