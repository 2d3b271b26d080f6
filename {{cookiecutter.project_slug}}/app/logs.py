"""Logging in one format, libraries included: JSON for machines, colours for people."""

import logging
import sys
from typing import Any

import structlog
from structlog.typing import EventDict, Processor

from app.settings import Settings


def _without_colours(_: object, __: str, event: EventDict) -> Any:
    event.pop("color_message", None)  # uvicorn's message again, with escape codes
    return event


def configure_logging(settings: Settings) -> None:
    """Configures logging; an existing handler of the root logger, as in tests, gets all records."""
    if structlog.is_configured():  # `python -m app` does so before the application
        return
    if logging.getLogger().handlers:
        structlog.configure(
            processors=[structlog.stdlib.render_to_log_kwargs],
            wrapper_class=structlog.stdlib.BoundLogger,
            logger_factory=structlog.stdlib.LoggerFactory(),
        )
        return

    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    if settings.log_format == "json":
        shared.append(structlog.processors.format_exc_info)
        renderer: Processor = structlog.processors.JSONRenderer()
    else:
        renderer = structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(),
            # If rich is installed, the default formatter shows every local variable.
            exception_formatter=structlog.dev.plain_traceback,
        )
    # Most records are about requests. Bypassing the standard library, they cost a fifth.
    structlog.configure(
        processors=[*shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(settings.log_level),
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    foreign: list[Processor] = [
        structlog.stdlib.ExtraAdder(),
        structlog.stdlib.add_logger_name,
        _without_colours,
    ]
    handler = logging.StreamHandler()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*foreign, *shared],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    logging.basicConfig(handlers=[handler], level=settings.log_level.upper())
    logging.getLogger("alembic.runtime.plugins").setLevel(logging.WARNING)  # it logs each plugin
