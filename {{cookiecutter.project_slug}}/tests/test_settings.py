import re
from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError

from app.settings import Settings, read_settings


def test_environment_variables_override_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", "9000")
    monkeypatch.setenv("LOG_LEVEL", "WARNING")
    settings = Settings()
    assert (settings.port, settings.log_level) == (9000, "warning")


def test_the_example_file_lists_every_default(monkeypatch: pytest.MonkeyPatch) -> None:
    example = (Path(__file__).parent.parent / ".env.example").read_text(encoding="utf-8")
    listed = dict(re.findall(r"^# ([A-Z_]+)=(.*)$", example, re.MULTILINE))
    assert {name.lower() for name in listed} == Settings.model_fields.keys()
    monkeypatch.delenv("DATABASE_URL")
    default = Settings()
    for name, value in listed.items():
        monkeypatch.setenv(name, value)
    assert Settings() == default


def test_production_logs_json_by_default() -> None:
    assert Settings().log_format == "console"
    assert Settings(app_env="production").log_format == "json"
    chosen = Settings(app_env="production", log_format="console")
    assert chosen.log_format == "console"


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("mysql://me:secret@here/db", "must start with"),
        ("secret", "must be a URL"),
        ("any://me:secret@here:port/db", "must be a URL"),
    ],
)
def test_database_url_errors_do_not_reveal_the_password(
    url: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", url)
    with pytest.raises(ValidationError) as caught:
        Settings()
    assert message in str(caught.value)
    assert "secret" not in str(caught.value)


{% if cookiecutter.database == "sqlite" %}
@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:"])
def test_an_in_memory_database_is_rejected(url: str) -> None:
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
def test_a_database_url_with_more_than_a_path_is_rejected(url: str) -> None:
    with pytest.raises(ValidationError, match="must be a path and nothing more"):
        Settings(database_url=SecretStr(url))


{% endif %}
@pytest.mark.parametrize("seconds", ["0", "-1", "inf", "nan", "3601", "soon"])
def test_timeouts_out_of_range_are_rejected(seconds: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_TIMEOUT", seconds)
    with pytest.raises(ValidationError, match="database_timeout"):
        Settings()


@pytest.mark.parametrize(
    ("variable", "value", "expected"),
    [
        ("ALLOWED_HOSTS", "items.example.com, *.Internal,", ("items.example.com", "*.internal")),
        ("ALLOWED_HOSTS", '["a", "[::1]"]', ("a", "[::1]")),
        ("ALLOWED_HOSTS", "[::1], a", ("[::1]", "a")),
        ("CORS_ORIGINS", "http://x/", ("http://x",)),
        ("FORWARDED_ALLOW_IPS", '["10.0.0.0/8", "::1"]', ("10.0.0.0/8", "::1/128")),
        ("CORS_ORIGINS", '["https://X:443", "http://x:443"]', ("https://x", "http://x:443")),
        ("CORS_ORIGINS", "\"app://a\", 'http://[::1]:3000'", ("app://a", "http://[::1]:3000")),
    ],
)
def test_lists_accept_several_formats(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, expected: tuple[str, ...]
) -> None:
    monkeypatch.setenv(variable, value)
    assert getattr(Settings(), variable.lower()) == expected


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        *(("ALLOWED_HOSTS", value) for value in ("*", "https://a", "a:8000", ".example.com")),
        *(("CORS_ORIGINS", value) for value in ("*", "null", "localhost:3000", "http://x/p")),
        *(("CORS_ORIGINS", value) for value in ("//x", "http://me@x", "http://münchen.example")),
        *(("FORWARDED_ALLOW_IPS", value) for value in ("proxy", "10.0.0.1/8", "10.0.0.1 10.0.0.2")),
        ("HOST", "*"),
        *(("ROOT_PATH", value) for value in ("api", "/api/", "/..", "/a b")),
    ],
)
def test_invalid_values_are_rejected_with_an_example(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(SystemExit, match=f"{variable}: {re.escape(repr(value))} is not .* like "):
        read_settings()


def test_whitespace_around_values_is_stripped(monkeypatch: pytest.MonkeyPatch) -> None:
    url = Settings().database_url
    monkeypatch.setenv("DATABASE_URL", f" {url.get_secret_value()}\n")
    monkeypatch.setenv("AUTH_AUDIENCE", " \n")
    monkeypatch.setenv("LOG_LEVEL", "debug\r\n")
    settings = Settings()
    assert settings.database_url == url
    assert settings.auth_audience is None
    assert settings.log_level == "debug"


@pytest.mark.parametrize(
    "content",
    ["HOST=é".encode("utf-16"), "HOST=x".encode("utf-16-le"), "HOST=é".encode("latin-1"), None],
)
def test_an_invalid_env_file_is_reported(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: bytes | None
) -> None:
    file = tmp_path / ".env"
    monkeypatch.setitem(Settings.model_config, "env_file", file)
    assert read_settings().host == "127.0.0.1"
    file.write_text("HOST=::1", encoding="utf-8")
    assert read_settings().host == "::1"
    file.unlink()
    if content is None:
        file.mkdir()
    else:
        file.write_bytes(content)
    with pytest.raises(SystemExit, match=r"\.env cannot be read: .* in UTF-8"):
        read_settings()


def test_the_repr_of_settings_hides_the_password() -> None:
    url = "{{ 'sqlite:///p4ss.db' if cookiecutter.database == 'sqlite' else 'postgresql://me:p4ss@here/db' }}"
    settings = Settings(database_url=SecretStr(url))
    assert "p4ss" not in repr(settings)
