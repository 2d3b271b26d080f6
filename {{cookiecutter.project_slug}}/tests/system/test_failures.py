"""Failure modes: killed processes, database outages and concurrent migrations."""

from pathlib import Path
from threading import Thread

import httpx2
from sqlalchemy import Engine, text

from app.db.migrate import head
from app.settings import Settings
from tests.conftest import Start
from tests.database import outage
from tests.system.conftest import Serve, Server, burst, within
from tests.system.test_concurrency import URL, create, statuses, walk


def test_every_acknowledged_row_survives_kill_9(serve: Serve) -> None:
    server = serve(WORKERS=2, DATABASE_POOL_TIMEOUT=10)
    acknowledged: list[str] = []

    def write(writer: int) -> None:
        for number in range(10_000):
            name = f"{writer}-{number}"
            try:
                response = create(server, name)
            except httpx2.TransportError:
                return
            assert response.status_code == 201
            acknowledged.append(name)

    writers = Thread(target=lambda: burst(8, write))
    writers.start()
    within(30, lambda: len(acknowledged) > 100)
    server.kill()
    writers.join()

    again = serve()
    assert set(acknowledged) <= set(walk(again, "name"))
    assert create(again, "after").status_code == 201


def test_a_database_outage_needs_no_restart(serve: Serve, settings: Settings) -> None:
    server = serve(DATABASE_TIMEOUT=1)
    assert create(server, "before").status_code == 201
    with outage(settings.database_url.get_secret_value()):
        assert_unavailable(server)
    assert_available(server)
    assert create(server, "after").status_code == 201
    assert walk(server, "name") == ["after", "before"]


def test_the_service_can_start_before_its_database(serve: Serve, settings: Settings) -> None:
    with outage(settings.database_url.get_secret_value()):
        server = serve(DATABASE_TIMEOUT=1)
        assert_unavailable(server)
    assert_available(server)


def assert_unavailable(server: Server) -> None:
    ready = server.http.get("/readyz")
    responses = [*burst(20, lambda _: server.http.get(URL)), create(server, "lost"), ready]
    assert statuses(responses) == {503: 22}
    assert all(response.headers["Retry-After"] == "1" for response in responses)
    assert server.http.get("/livez").status_code == 200


def assert_available(server: Server) -> None:
    responses = [*burst(20, lambda _: server.http.get(URL)), server.http.get("/readyz")]
    assert statuses(responses) == {200: 21}


# Upgrades to an additional revision, which is slow.
UPGRADE = """
import sys
from alembic import command
from app.db.migrate import FOLDER
from app.settings import Settings
from tests.revisions import config_for

command.upgrade(config_for(Settings(), FOLDER / "versions", sys.argv[1]), "head")
"""


def test_concurrent_migrations_run_one_at_a_time(
    unmigrated: Settings, database: Engine, tmp_path: Path, start: Start
) -> None:
    (tmp_path / "slow.py").write_text(
        "import time\n"
        f"revision, down_revision = 'slow', {head()!r}\n"
        "def upgrade(): time.sleep(2)\n"
        "def downgrade(): pass\n"
    )
    variables = {"DATABASE_URL": unmigrated.database_url.get_secret_value()}
    replicas = [start("-c", UPGRADE, str(tmp_path), variables=variables) for _ in range(4)]
    output = [replica.communicate()[0] for replica in replicas]
    assert [replica.returncode for replica in replicas] == [0] * 4, output
    with database.begin() as connection:
        versions = connection.scalars(text("SELECT version_num FROM alembic_version")).all()
        connection.execute(text("UPDATE alembic_version SET version_num = :head"), {"head": head()})
    assert versions == ["slow"]
