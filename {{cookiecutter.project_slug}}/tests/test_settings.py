import re
from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError

from app.settings import Settings


def test_the_environment_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", "9000")
    monkeypatch.setenv("LOG_LEVEL", "WARNING")
    settings = Settings()
    assert (settings.port, settings.log_level) == (9000, "warning")


def test_the_example_shows_every_default(monkeypatch: pytest.MonkeyPatch) -> None:
    example = (Path(__file__).parent.parent / ".env.example").read_text(encoding="utf-8")
    shown = dict(re.findall(r"^# ([A-Z_]+)=(.*)$", example, re.MULTILINE))
    assert {name.lower() for name in shown} == Settings.model_fields.keys()
    monkeypatch.delenv("DATABASE_URL")
    default = Settings()
    for name, value in shown.items():
        monkeypatch.setenv(name, value)
    assert Settings() == default


def test_production_logs_json_unless_told() -> None:
    assert Settings().log_format == "console"
    assert Settings(app_env="production").log_format == "json"
    chosen = Settings(app_env="production", log_format="console")
    assert chosen.log_format == "console"


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("mysql://me:secret@here/db", "must start with"),
        ("secret", "must be a URL"),
        ("any://me:secret@here:port/db", "must be a URL"),
    ],
)
def test_a_wrong_database_is_refused_without_telling_its_password(
    url: str, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", url)
    with pytest.raises(ValidationError) as caught:
        Settings()
    assert told in str(caught.value)
    assert "secret" not in str(caught.value)


{% if cookiecutter.database == "sqlite" %}
@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:"])
def test_a_database_in_memory_is_refused(url: str) -> None:
    with pytest.raises(ValidationError, match="must name a file"):
        Settings(database_url=SecretStr(url))


@pytest.mark.parametrize(
    "url",
    [
        "sqlite:///file:orders.db?uri=true",
        "sqlite:///orders.db?mode=ro",
        "sqlite://me:secret@host/orders.db",
        "sqlite://host/orders.db",
    ],
)
def test_a_url_with_more_than_a_path_is_refused(url: str) -> None:
    with pytest.raises(ValidationError, match="must be a path and nothing more"):
        Settings(database_url=SecretStr(url))


{% endif %}
@pytest.mark.parametrize("seconds", ["0", "-1", "inf", "nan", "3601", "soon"])
def test_a_timeout_is_between_nothing_and_an_hour(
    seconds: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_TIMEOUT", seconds)
    with pytest.raises(ValidationError, match="database_timeout"):
        Settings()


def test_lists_are_separated_by_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALLOWED_HOSTS", "items.example.com, *.internal")
    monkeypatch.setenv("CORS_ORIGINS", "")
    settings = Settings()
    assert settings.allowed_hosts == ("items.example.com", "*.internal")
    assert settings.cors_origins == ()


@pytest.mark.parametrize("variable", ["ALLOWED_HOSTS", "CORS_ORIGINS"])
def test_not_everybody_is_let_in_at_once(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable, "*")
    with pytest.raises(ValidationError, match=variable.lower()):
        Settings()


def test_the_password_does_not_show() -> None:
    url = "{{ 'sqlite:///secret.db' if cookiecutter.database == 'sqlite' else 'postgresql://me:secret@here/db' }}"
    settings = Settings(database_url=SecretStr(url))
    assert "secret" not in repr(settings)
