"""Many concurrent clients: no write is lost or duplicated."""

import time
from collections import Counter
from itertools import count
from threading import Event, Thread

from httpx2 import Response

from tests.system.conftest import Serve, Server, burst

URL = "/v1/widgets"


def create(server: Server, name: str) -> Response:
    return server.http.post(URL, json={"name": name})


def statuses(responses: list[Response]) -> Counter[int]:
    return Counter(response.status_code for response in responses)


def test_one_of_fifty_equal_names_wins_and_the_others_conflict(serve: Serve) -> None:
    server = serve(DATABASE_POOL_TIMEOUT=10)
    durations: list[float] = []

    def watch(done: Event) -> None:
        while not done.is_set():
            durations.append(server.http.get("/livez").elapsed.total_seconds())

    done = Event()
    watcher = Thread(target=watch, args=[done])
    watcher.start()
    started = time.monotonic()
    responses = burst(50, lambda _: create(server, "bolt"))
    lasted = time.monotonic() - started
    done.set()
    watcher.join()
    assert statuses(responses) == {201: 1, 409: 49}
    assert lasted < 15  # a deadlock takes twice as long
    assert max(durations) < 5


def test_concurrent_writers_in_several_processes_all_succeed(serve: Serve) -> None:
    # Enough time for all to queue: rejection when overloaded is tested elsewhere.
    server = serve(WORKERS=2, DATABASE_POOL_TIMEOUT=10)

    def write(writer: int) -> Counter[int]:
        return statuses([create(server, f"{writer}-{number}") for number in range(5)])

    assert burst(32, write) == [{201: 5}] * 32
    assert len(walk(server, "name")) == 32 * 5


def test_every_acknowledged_increment_counts(serve: Serve) -> None:
    server = serve(WORKERS=2, DATABASE_POOL_TIMEOUT=10)
    url = create(server, "bolt").headers["Location"]

    def increment(_: int) -> int:
        acknowledged = 0
        for _ in range(5):
            read = server.http.get(url)
            changes = {"quantity": read.json()["quantity"] + 1}
            headers = {"If-Match": read.headers["ETag"]}
            written = server.http.patch(url, json=changes, headers=headers)
            assert written.status_code in {200, 412}, written.text
            acknowledged += written.status_code == 200
        return acknowledged

    acknowledged = sum(burst(20, increment))
    assert acknowledged > 0
    assert server.http.get(url).json()["quantity"] == acknowledged


def test_concurrent_changes_of_different_fields_are_all_stored(serve: Serve) -> None:
    server = serve(DATABASE_POOL_TIMEOUT=10)
    url = create(server, "bolt").headers["Location"]
    changes: list[dict[str, object]] = [
        {"name": "nut"},
        {"description": "M8"},
        {"quantity": 7},
        {"is_active": False},
        {"available_from": "2026-01-01T00:00:00Z"},
    ]
    responses = burst(len(changes), lambda number: server.http.patch(url, json=changes[number]))
    assert statuses(responses) == {200: len(changes)}
    widget = server.http.get(url).json()
    for change in changes:
        assert widget == widget | change


def test_pages_neither_skip_nor_repeat_while_others_write(serve: Serve) -> None:
    server = serve(DATABASE_POOL_TIMEOUT=10)
    staying = [f"{number:02}-stays" for number in range(30)]
    leaving = [create(server, f"{number:02}-leaves") for number in range(30)]
    for name in staying:
        create(server, name)
    done = Event()

    def disturb() -> None:
        for number in count():
            if done.is_set():
                return
            create(server, f"{number % 40:02}-comes-{number}")
            if leaving:
                server.http.delete(leaving.pop().headers["Location"])

    others = Thread(target=disturb)
    others.start()
    walks = [walk(server, sort) for sort in ("created_at", "-created_at", "name", "-name")]
    done.set()
    others.join()
    for listed in walks:
        assert max(Counter(listed).values()) == 1
        assert set(staying) <= set(listed)


def walk(server: Server, sort: str) -> list[str]:
    """Returns the names on all pages of a list."""
    listed: list[str] = []
    params: dict[str, str | int] = {"limit": 7, "sort": sort}
    while True:
        page = server.http.get(URL, params=params).json()
        listed += [widget["name"] for widget in page["items"]]
        if page["next_cursor"] is None:
            return listed
        params["cursor"] = page["next_cursor"]
