"""`python -m app` serves the application; `--reload` does so again after each change."""

import argparse
import os
import sys
from contextlib import nullcontext
from tempfile import TemporaryDirectory

import uvicorn
from alembic.util import CommandError
from sqlalchemy.exc import SQLAlchemyError

from app.db.migrate import upgrade
from app.logs import configure_logging
from app.server import LimitedProtocol
from app.settings import read_settings


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser("python -m app", description=__doc__)
    parser.add_argument("--reload", action="store_true", help="restart when a file changes")
    options = parser.parse_args(arguments)
    settings = read_settings()
    try:
        settings.check_auth()
    except ValueError as error:
        sys.exit(str(error))
    configure_logging(settings)
    if settings.app_env == "development":
        try:
            upgrade(settings)
        except (SQLAlchemyError, CommandError) as error:
            sys.exit(f"The database cannot be migrated. {error}")
    several = settings.workers > 1
    with TemporaryDirectory(prefix="metrics-") if several else nullcontext() as folder:
        if folder:
            os.environ.setdefault("PROMETHEUS_MULTIPROC_DIR", folder)
        uvicorn.run(
            "app.main:create_app",
            factory=True,
            host=settings.host,
            port=settings.port,
            workers=settings.workers,
            reload=options.reload,
            # uvloop accepts one connection each time around: of 128 that come at once the last waits
            # up to a second. For all else asyncio's own loop is about as fast here.
            loop="app.server:SharingLoop" if several else "asyncio",
            http=LimitedProtocol,
            timeout_graceful_shutdown=settings.shutdown_timeout,
            access_log=False,  # app.api.observation has a line for each request
            log_config=None,
            server_header=False,
        )


if __name__ == "__main__":
    main()
