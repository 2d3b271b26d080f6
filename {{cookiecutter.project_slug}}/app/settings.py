"""Every environment variable that the service reads; `.env` may set them too."""

from typing import Any, Literal

from pydantic import Field, PositiveInt, SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

NAME = "{{ cookiecutter.project_slug }}"


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
    database_url: SecretStr = SecretStr(f"sqlite:///./{NAME}.db")
    # How long to wait, in seconds: for a connection of the pool, and for another writer.
    database_timeout: PositiveInt = 5
{% else %}
    database_url: SecretStr = SecretStr(f"postgresql://postgres:postgres@localhost:5432/{NAME}")
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
        scheme = url.get_secret_value().partition(":")[0]
{% if cookiecutter.database == "sqlite" %}
        if scheme.partition("+")[0] != "sqlite":
            raise ValueError("must start with sqlite://")
        if url.get_secret_value().rpartition("/")[2] in {"", ":memory:"}:
            raise ValueError("must name a file: each connection to :memory: has its own")
{% else %}
        if scheme.partition("+")[0] not in {"postgresql", "postgres"}:
            raise ValueError("must start with postgresql://")
{% endif %}
        return url
