"""Every record in one form, the libraries' own included: JSON for machines, colours for people."""

import logging
import sys
from typing import Any

import structlog
from structlog.typing import EventDict, Processor

from app.settings import Settings


def _without_colours(_: object, __: str, event: EventDict) -> Any:
    event.pop("color_message", None)  # uvicorn's own text once more, with escape codes
    return event


def configure_logging(settings: Settings) -> None:
    """Where the root logger has a handler already, as it has in tests, that one gets all records."""
    if structlog.is_configured():  # by `python -m app`, before the application asks for it
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
            # Where rich is installed, the default is its own, which shows every local variable.
            exception_formatter=structlog.dev.plain_traceback,
        )
    # A line for each request is what is logged most. It takes the short way, which costs a fifth.
    structlog.configure(
        processors=[*shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(settings.log_level),
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    theirs: list[Processor] = [
        structlog.stdlib.ExtraAdder(),
        structlog.stdlib.add_logger_name,
        _without_colours,
    ]
    handler = logging.StreamHandler()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*theirs, *shared],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    logging.basicConfig(handlers=[handler], level=settings.log_level.upper())
    logging.getLogger("alembic.runtime.plugins").setLevel(logging.WARNING)  # else it lists them
