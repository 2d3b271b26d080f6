{% if cookiecutter.database == "sqlite" %}
"""What hangs or is full instead of failing: each request ends in time, and all is well afterwards."""

import resource
import sys
import time
from pathlib import Path

import pytest
from sqlalchemy import Engine

from tests.system.conftest import Serve, within
from tests.system.test_concurrency import URL, create, walk


def test_a_full_disk_is_told_and_nothing_that_was_answered_is_lost(
    serve: Serve, database: Engine
) -> None:
    if sys.platform != "linux":
        pytest.skip("only Linux limits the files of a process from outside")
    server = serve()
    assert create(server, "widget").status_code == 201
    # The WAL of earlier tests has room for thousands of rows.
    with database.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").scalar_one() == 0
    path = Path(database.url.database or "")
    largest = max(file.stat().st_size for file in path.parent.glob(f"{path.name}*"))
    limits = resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE)
    room = largest + 100_000
    resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (room, limits[1]))
    acknowledged: list[str] = []
    while (response := create(server, f"widget {len(acknowledged)}")).status_code == 201:
        acknowledged.append(response.json()["name"])
    assert response.status_code == 503
    assert acknowledged
    assert [server.http.get(path).status_code for path in (URL, "/livez")] == [200, 200]

    resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, limits)
    begun = time.monotonic()
    within(1, lambda: create(server, "after").status_code == 201)
    assert time.monotonic() - begun < 1
    assert walk(server, "name") == sorted([*acknowledged, "after", "widget"])
{% else %}
"""What hangs instead of failing: each request ends in time, and all is well afterwards."""

import time
from collections.abc import Callable

import pytest
from sqlalchemy import make_url

from app.settings import Settings
from tests.relay import Relay, relay
from tests.system.conftest import Serve, Server, burst, within
from tests.system.test_concurrency import URL, create, statuses

TIMEOUT = 1


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("fault", [Relay.hold, Relay.cut])
def test_a_database_that_hangs_holds_no_request(
    serve: Serve, settings: Settings, workers: int, fault: Callable[[Relay], None]
) -> None:
    url = make_url(settings.database_url.get_secret_value())
    with relay(str(url.host), url.port or 5432) as between:
        through = url.set(host="127.0.0.1", port=between.server_address[1])
        server = serve(
            DATABASE_URL=through.render_as_string(hide_password=False),
            REQUEST_TIMEOUT=TIMEOUT,
            WORKERS=workers,
        )
        assert create(server, "before").status_code == 201
        fault(between)
        it_says_so_in_time(server)
        between.resume()
        within(1, lambda: it_is_well(server))
        assert create(server, "after").status_code == 201


def it_says_so_in_time(server: Server) -> None:
    def call(number: int) -> tuple[int, float]:
        begun = time.monotonic()
        requests = [lambda: server.http.get("/readyz"), lambda: create(server, f"lost {number}")]
        response = requests[number]() if number < len(requests) else server.http.get(URL)
        return response.status_code, time.monotonic() - begun

    for _ in range(2):
        told = burst(22, call)
        assert {status for status, _ in told} == {503}
        # A place among those that the connections allow is waited for besides.
        assert max(seconds for _, seconds in told) < TIMEOUT + 1.5
        begun = time.monotonic()
        assert server.http.get("/livez").status_code == 200
        assert time.monotonic() - begun < 0.5


def it_is_well(server: Server) -> bool:
    responses = [*burst(20, lambda _: server.http.get(URL)), server.http.get("/readyz")]
    return statuses(responses) == {200: 21}
{% endif %}
