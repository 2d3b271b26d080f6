"""Overload: too many clients, slow clients and disconnecting clients."""

import socket
import time
from threading import Thread

from httpx2 import Response

from app.settings import Settings
from tests.database import blocked_writers, is_at_rest
from tests.system.conftest import Serve, Server, burst, within
from tests.system.test_concurrency import URL, create, statuses

CLIENTS = 200
POOL_SIZE = 50  # more than Starlette's default of 40 blocking calls at a time


def url(settings: Settings) -> str:
    return settings.database_url.get_secret_value()


def seconds(response: Response) -> float:
    return response.elapsed.total_seconds()


def test_requests_beyond_capacity_get_a_503_within_a_second(
    serve: Serve, settings: Settings
) -> None:
    server = serve(DATABASE_TIMEOUT=5, DATABASE_LOCK_TIMEOUT=5, DATABASE_POOL_SIZE=POOL_SIZE)
    # The time this machine needs for as many requests that wait for nothing.
    overhead = max(map(seconds, burst(CLIENTS, lambda _: server.http.get("/nowhere"))))
    with blocked_writers(url(settings)):
        prober: list[Response] = []

        def probe() -> None:
            for _ in range(10):
                prober.extend(server.http.get(path) for path in ("/livez", "/readyz"))
                time.sleep(0.1)

        probes = Thread(target=probe)
        probes.start()
        responses = burst(CLIENTS, lambda number: create(server, str(number)))
        probes.join()
    assert create(server, "after").status_code == 201  # at once: the queue is empty

    assert statuses(responses) == {503: CLIENTS}
    assert all(response.headers["Retry-After"] == "1" for response in responses)
    slow = [response for response in responses if seconds(response) > 2 + overhead]
    assert len(slow) <= POOL_SIZE  # the admitted requests
    assert statuses(prober) == {200: 20}
    assert max(map(seconds, prober)) < 2 + overhead


def test_admitted_requests_are_served_once_the_lock_is_free(
    serve: Serve, settings: Settings
) -> None:
    server = serve(DATABASE_TIMEOUT=10, DATABASE_LOCK_TIMEOUT=10)
    responses: list[Response] = []

    def crowd() -> None:
        responses.extend(burst(CLIENTS, lambda number: create(server, str(number))))

    clients = Thread(target=crowd)
    with blocked_writers(url(settings)):
        clients.start()
        time.sleep(1.5)
    clients.join()
    assert statuses(responses).keys() == {201, 503}
    assert statuses(responses)[201] >= Settings().max_connections
    listed = server.http.get(URL, params={"limit": 100}).json()
    assert len(listed["items"]) == statuses(responses)[201]


def test_disconnected_clients_leave_nothing_behind(serve: Serve, settings: Settings) -> None:
    server = serve(DATABASE_POOL_SIZE=2)
    body = b'{"name": "x"}'
    headers = (
        b"POST /v1/widgets HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        b"Content-Length: %d\r\n\r\n" % len(body)
    )
    request = headers + body
    with blocked_writers(url(settings)):
        for number in range(CLIENTS):
            # A quarter disconnects in the headers, a quarter in the body, and half while waiting.
            sent = (request, headers[:40], request[:-5], request)[number % 4]
            vanish(server, sent)
    within(15, lambda: is_at_rest(url(settings)))
    responses = burst(4, lambda number: create(server, f"after {number}"))
    assert statuses(responses) == {201: 4}


def vanish(server: Server, sent: bytes) -> None:
    with socket.create_connection(server.address) as connection:
        connection.sendall(sent)
        time.sleep(0.005)


def test_slow_senders_hold_no_slots(serve: Serve) -> None:
    server = serve(MAX_CONCURRENT_REQUESTS=10)
    headers = b"POST /v1/widgets HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99\r\n\r\n{"
    slow = [socket.create_connection(server.address) for _ in range(20)]
    for connection in slow:
        connection.sendall(headers)
    time.sleep(0.3)  # all have arrived
    response = create(server, "bolt")
    for connection in slow:
        connection.close()
    assert response.status_code == 201
