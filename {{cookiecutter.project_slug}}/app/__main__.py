"""`python -m app` serves the application; `--reload` restarts it after each change."""

import argparse
import os
import socket
import sys
from contextlib import nullcontext
from pathlib import Path
from tempfile import TemporaryDirectory

import uvicorn
from alembic.util import CommandError

from app.db.migrate import head, upgrade
from app.logs import configure_logging
from app.settings import read_settings

APP = Path(__file__).parent


def check_address(host: str, port: int) -> None:
    """Exits with an error message if the server cannot listen; uvicorn shows only an errno."""
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        socket.create_server(address[:2], family=family).close()
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", "not a host name").partition(" (")[0]
        sys.exit(
            f"Cannot listen on HOST={host} and PORT={port}: {reason}. Set HOST to an "
            "address of this machine, like 127.0.0.1 or 0.0.0.0, and PORT to one that is free."
        )


def main(arguments: list[str] | None = None, application: str = "app.main:create_app") -> None:
    parser = argparse.ArgumentParser("python -m app", description=__doc__)
    parser.add_argument("--reload", action="store_true", help="restart when a file changes")
    options = parser.parse_args(arguments)
    settings = read_settings()
    try:
        settings.check_auth()
    except ValueError as error:
        sys.exit(str(error))
    configure_logging(settings)
    try:
        if settings.app_env == "development":
            upgrade(settings)
        else:
            head()
    except CommandError as error:
        sys.exit(f"The database cannot be migrated. {error}")
    check_address(settings.host, settings.port)
    has_several_workers = settings.workers > 1
    with TemporaryDirectory(prefix="metrics-") if has_several_workers else nullcontext() as folder:
        if folder:
            os.environ.setdefault("PROMETHEUS_MULTIPROC_DIR", folder)
        uvicorn.run(
            application,
            factory=True,
            host=settings.host,
            port=settings.port,
            workers=settings.workers,
            reload=options.reload,
            # Watching .venv as well takes half a core.
            reload_dirs=[str(APP)] if options.reload else None,
            root_path=settings.root_path,
            forwarded_allow_ips=[*settings.forwarded_allow_ips],
            timeout_keep_alive=settings.keep_alive_timeout,
            # uvloop accepts one connection per iteration: the last of 128 simultaneous connections
            # waits up to a second. Apart from that, asyncio's own loop is about as fast here.
            loop="app.server:SharingLoop" if has_several_workers or options.reload else "asyncio",
            http="httptools",
            timeout_graceful_shutdown=settings.shutdown_timeout,
            access_log=False,  # app.api.observation logs each request
            log_config=None,
            server_header=False,
        )


if __name__ == "__main__":
    main()
