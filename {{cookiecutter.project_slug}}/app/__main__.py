"""`python -m app` serves the application; `--reload` does so again after each change."""

import argparse
import sys

import uvicorn
from alembic.util import CommandError
from pydantic import ValidationError
from sqlalchemy.exc import SQLAlchemyError

from app.db.migrate import upgrade
from app.logs import configure_logging
from app.settings import Settings


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser("python -m app", description=__doc__)
    parser.add_argument("--reload", action="store_true", help="restart when a file changes")
    options = parser.parse_args(arguments)
    try:
        settings = Settings()
    except ValidationError as error:
        wrong = [
            f"{str(e['loc'][0]).upper()}: {e['msg'].removeprefix('Value error, ')}"
            for e in error.errors()
            if e["type"] != "default_factory_not_called"  # only follows from another one
        ]
        sys.exit("\n".join(["The environment or .env is not right:", *wrong]))
    configure_logging(settings)
    if settings.app_env == "development":
        try:
            upgrade(settings)
        except (SQLAlchemyError, CommandError) as error:
            sys.exit(f"The database cannot be migrated. {error}")
    uvicorn.run(
        "app.main:create_app",
        factory=True,
        host=settings.host,
        port=settings.port,
        workers=settings.workers,
        reload=options.reload,
        log_config=None,
        server_header=False,
    )


if __name__ == "__main__":
    main()
