{% from "escaping.jinja" import python %}
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from fastapi.routing import APIRoute
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware

from app.api.auth import Authentication
from app.api.errors import HANDLERS, ProblemAPI
from app.api.middleware import Admission, BodyLimit, Deadline, KnownHosts, RateLimit
from app.api.observation import Observation, UnexpectedErrors
from app.api.paths import OPENAPI_URL
from app.api.routes import health, items
from app.api.routes.docs import add_docs
{% if cookiecutter.concurrency == "sync" %}
from app.api.threads import shared_threads
{% endif %}
from app.db.session import SqlStore
from app.logs import configure_logging
from app.repositories.store import Store
from app.server import draining
from app.settings import Settings


def middleware(settings: Settings) -> list[Middleware]:
    """Returns the middleware, outermost first."""
    cors = Middleware(
        CORSMiddleware,
        allow_origins=settings.cors_origins,
        allow_methods=["*"],
        allow_headers=["*"],  # handlers may read any header
        expose_headers=["ETag", "Location", "Retry-After", "X-Request-ID"],
    )
    return [
        Middleware(Observation),
        *([cors] if settings.cors_origins else []),
        Middleware(UnexpectedErrors),
        Middleware(KnownHosts, settings),
        *authentication(settings),
        *([Middleware(RateLimit, settings.rate_limit)] if settings.rate_limit else []),
        Middleware(BodyLimit, settings),
        Middleware(Deadline, settings),
        Middleware(Admission, settings),
    ]


def authentication(settings: Settings) -> list[Middleware]:
    if settings.auth_jwks_url:
        # Imported lazily: saves 12 MB when authentication is off.
        from app.api.issuer import Issuer  # noqa: PLC0415 - see above

        return [Middleware(Authentication, Issuer(settings), settings)]
    return []


def operation_id(route: APIRoute) -> str:
    """Returns the name of the route's function, which names the methods of generated clients."""
    return route.name


def create_app(settings: Settings | None = None, store: Store | None = None) -> FastAPI:
    """Creates the application; tests pass their own settings and store."""
    settings = settings or Settings()
    settings.check_auth()
    configure_logging(settings)
    opened = store or SqlStore(settings)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
{% if cookiecutter.concurrency == "sync" %}
        async with shared_threads(settings.handler_threads):
            with draining(app.state, settings.drain_seconds):
                yield
            opened.close()
{% else %}
        with draining(app.state, settings.drain_seconds):
            yield
        await opened.close()
{% endif %}

    app = ProblemAPI(
        title={{ python(cookiecutter.project_name) }},
        version="0.1.0",
        lifespan=lifespan,
        exception_handlers=HANDLERS,
        middleware=middleware(settings),
        redirect_slashes=False,  # a redirect would echo the client's Host header
        docs_url=None,
        redoc_url=None,
        openapi_url=OPENAPI_URL if settings.docs else None,
        generate_unique_id_function=operation_id,
        telemetry={"auto_configure": True},  # from the OTEL_EXPORTER_OTLP_* variables
    )
    app.state.settings = settings
    app.state.store = opened
    app.state.draining = False
    if settings.auth_jwks_url:
        app.bearer = {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
    if settings.docs:
        add_docs(app)
    # Routers are matched in order.
    app.include_router(items.router)
    app.include_router(health.router)
    return app
