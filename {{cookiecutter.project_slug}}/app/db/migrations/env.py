"""Alembic's environment: it uses its own connection, not one of the service's pool."""

{% if cookiecutter.database == "sqlite" %}
from typing import Any

{% endif %}
from alembic import context
from alembic.script import ScriptDirectory
{% if cookiecutter.database == "sqlite" %}
from sqlalchemy import Connection, create_engine, event, make_url, pool
{% else %}
from sqlalchemy import Connection, create_engine, event, make_url, pool, text
{% endif %}

from app.db.autogenerate import Autogenerate
from app.db.errors import explain
from app.db.migrate import head, render_item
from app.db.tables import Base
from app.settings import Settings, read_settings

# How long to wait for the migration of another replica.
LOCK_TIMEOUT_SECONDS = 60
{% if cookiecutter.database == "postgres" %}
LOCK_KEY = int.from_bytes(b"alembic")  # any number that no other program locks
{% endif %}


def run_migrations() -> None:
    head(ScriptDirectory.from_config(context.config))
    settings: Settings = context.config.attributes.get("settings") or read_settings()
    url = make_url(settings.database_url.get_secret_value())
{% if cookiecutter.database == "sqlite" %}
    engine = create_engine(
        url.set(drivername="sqlite"),
        connect_args={"timeout": LOCK_TIMEOUT_SECONDS},
        poolclass=pool.NullPool,
    )

    # Unlike in the service, foreign keys are not enforced here, because SQLite alters a table by
    # recreating it.
    @event.listens_for(engine, "connect")
    def _set_up(connection: Any, _: Any) -> None:
        connection.execute("PRAGMA journal_mode = WAL")
        # Views may refer to a table while it is recreated: https://sqlite.org/lang_altertable.html
        connection.execute("PRAGMA legacy_alter_table = ON")

    # Replicas that migrate concurrently wait here, and then find nothing left to do.
    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

{% else %}
    engine = create_engine(
        url.set(drivername="postgresql+psycopg"),
        connect_args={
            "connect_timeout": settings.database_timeout,
            "prepare_threshold": None,  # PgBouncer may be used
        },
        poolclass=pool.NullPool,
    )
{% endif %}
    event.listen(engine.dialect, "handle_error", explain)
    with engine.connect() as connection:
        context.configure(
            connection=connection,
            target_metadata=Base.metadata,
            render_item=render_item,
            **Autogenerate(context.config, connection).options,
{% if cookiecutter.database == "sqlite" %}
            render_as_batch=True,
            transactional_ddl=True,
{% endif %}
        )
        with context.begin_transaction():
{% if cookiecutter.database == "postgres" %}
            _wait_for_lock(connection, settings)
{% endif %}
            context.run_migrations()


{% if cookiecutter.database == "postgres" %}
def _wait_for_lock(connection: Connection, settings: Settings) -> None:
    """Lets one replica migrate at a time; the others then find nothing left to do."""

    def set_lock_timeout(seconds: float) -> None:
        connection.execute(text(f"SET LOCAL lock_timeout = {seconds * 1000:.0f}"))

    set_lock_timeout(LOCK_TIMEOUT_SECONDS)
    connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": LOCK_KEY})
    # While DDL waits for a table's lock, all later statements queue behind it, so it gives up.
    set_lock_timeout(settings.database_lock_timeout)


{% endif %}
run_migrations()
