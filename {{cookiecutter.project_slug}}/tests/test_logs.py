import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from app.logs import configure_logging
from app.settings import Settings


@pytest.fixture(autouse=True)
def defaults() -> Iterator[None]:
    structlog.reset_defaults()
    yield
    structlog.reset_defaults()


def log_something(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    root = logging.getLogger()
    monkeypatch.setattr(root, "handlers", [])  # otherwise those of pytest
    monkeypatch.setattr(root, "level", root.level)
    configure_logging(settings)
    configure_logging(settings)  # called by `python -m app`, then by the application
    logging.getLogger("app").debug("too much detail")
    try:
        int("red")
    except ValueError:
        logging.getLogger("uvicorn.error").exception("no such %s", "number")
        structlog.get_logger().exception("no such number", logger="app")
    structlog.get_logger().debug("too much detail")
    assert not isinstance(structlog.get_config()["logger_factory"], structlog.stdlib.LoggerFactory)


def test_json_logs_have_one_object_per_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    log_something(Settings(log_format="json"), monkeypatch)
    structlog.get_logger().error("no such number", value="\ud800", raw=b"\xff")
    *records, odd = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [record["logger"] for record in records] == ["uvicorn.error", "app"]
    assert (odd["value"], odd["raw"]) == ("\ud800", repr(b"\xff"))
    for record in records:
        assert (record["level"], record["event"]) == ("error", "no such number")
        assert "ValueError: invalid literal" in record["exception"]


def test_console_logs_are_readable(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    log_something(Settings(log_format="console"), monkeypatch)
    output = capsys.readouterr().err
    assert output.count("no such number") == 2
    assert output.count("ValueError: invalid literal") == 2
    assert "too much detail" not in output
