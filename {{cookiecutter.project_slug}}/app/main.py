{% from "escaping.jinja" import python %}
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

{% if cookiecutter.concurrency == "sync" %}
from anyio.to_thread import current_default_thread_limiter
{% endif %}
from fastapi import FastAPI
from starlette.middleware import Middleware

from app.api.errors import HANDLERS, ProblemAPI
from app.api.middleware import Admission, BodyLimit, UnexpectedErrors
from app.api.routes import health, items
from app.db.session import SqlStore
from app.logs import configure_logging
from app.repositories.store import Store
from app.settings import Settings

MAX_BODY_BYTES = 1_000_000


def create_app(settings: Settings | None = None, store: Store | None = None) -> FastAPI:
    """The application; tests hand in their own settings and store."""
    settings = settings or Settings()
    configure_logging(settings)
    opened = store or SqlStore(settings)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
{% if cookiecutter.concurrency == "sync" %}
        # A thread for each request that is let in, besides those that there are for all else.
        current_default_thread_limiter().total_tokens += settings.max_connections
{% endif %}
        yield
        await opened.close()

    app = ProblemAPI(
        title={{ python(cookiecutter.project_name) }},
        version="0.1.0",
        lifespan=lifespan,
        exception_handlers=HANDLERS,
        middleware=[
            Middleware(UnexpectedErrors),
            Middleware(BodyLimit, limit=MAX_BODY_BYTES),
            Middleware(
                Admission,
                places=settings.max_connections,
                timeout=settings.database_pool_timeout,
                probes=health.PATHS,
            ),
        ],
        redirect_slashes=False,  # a redirect would repeat the client's Host header
    )
    app.state.store = opened
    app.include_router(health.router)
    app.include_router(items.router)
    return app
