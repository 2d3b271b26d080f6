"""Every record in one form, the libraries' own included: JSON for machines, colours for people."""

import logging
import sys
from typing import Any

import structlog

from app.settings import Settings


def _without_colours(_: object, __: str, event: structlog.typing.EventDict) -> Any:
    event.pop("color_message", None)  # uvicorn's own text once more, with escape codes
    return event


def configure_logging(settings: Settings) -> None:
    """Does nothing where the root logger has a handler already, as it has in tests."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.ExtraAdder(),
        _without_colours,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    if settings.log_format == "json":
        shared.append(structlog.processors.format_exc_info)
        renderer: structlog.typing.Processor = structlog.processors.JSONRenderer()
    else:
        renderer = structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(),
            # Where rich is installed, the default is its own, which shows every local variable.
            exception_formatter=structlog.dev.plain_traceback,
        )
    handler = logging.StreamHandler()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    logging.basicConfig(handlers=[handler], level=settings.log_level.upper())
