import json
import logging

import pytest

from app.logs import configure_logging
from app.settings import Settings


def log_something(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    root = logging.getLogger()
    monkeypatch.setattr(root, "handlers", [])  # pytest's own
    monkeypatch.setattr(root, "level", root.level)
    configure_logging(settings)
    logging.getLogger("app").debug("too much detail")
    try:
        int("red")
    except ValueError:
        logging.getLogger("uvicorn.error").exception("no such %s", "number")


def test_machines_get_one_json_object_a_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    log_something(Settings(log_format="json"), monkeypatch)
    record = json.loads(capsys.readouterr().err)
    assert (record["level"], record["logger"]) == ("error", "uvicorn.error")
    assert record["event"] == "no such number"
    assert "ValueError: invalid literal" in record["exception"]


def test_people_get_lines_that_they_can_read(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    log_something(Settings(log_format="console"), monkeypatch)
    told = capsys.readouterr().err
    assert "no such number" in told
    assert "ValueError: invalid literal" in told
    assert "too much detail" not in told
