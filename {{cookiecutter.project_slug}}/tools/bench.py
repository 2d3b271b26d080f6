"""`make bench`: measures a running service and prints a Markdown table.

It creates items whose names begin with `bench-`, and deletes them at the end. Without items in the
service it measures the probes instead.
"""

import argparse
import json
import math
import os
import secrets
import socket
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http import HTTPStatus
from itertools import count, cycle
from selectors import EVENT_READ, DefaultSelector
from typing import Any
from urllib.parse import urlsplit

from httptools import HttpResponseParser

ITEMS = "/v1/items"
LOOPBACK = {"127.0.0.1", "::1", "localhost"}
SUCCESS = range(200, 300)
ROWS = 50
BUSY = 0.9  # of a core: above that, this client may be the bottleneck
TIMEOUT = 30


class Connection:
    """A connection that sends one request at a time."""

    def __init__(self, address: tuple[str, int]) -> None:
        self.socket = socket.create_connection(address, TIMEOUT)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.parser = HttpResponseParser(self)

    def send(self, request: bytes) -> None:
        self.is_complete, self.body, self.sent_at = False, b"", time.perf_counter()
        self.socket.sendall(request)

    def read(self) -> bool:
        """Reads available data; returns whether the connection is still open."""
        data = self.socket.recv(1_000_000)
        if data:
            self.parser.feed_data(data)
        return bool(data)

    def on_body(self, body: bytes) -> None:
        self.body += body

    def on_message_complete(self) -> None:
        self.is_complete, self.status = True, self.parser.get_status_code()


@dataclass
class Measurement:
    """Latencies and outcomes of the requests of one measurement."""

    seconds: float = 0
    processor: float = 0
    latencies: list[float] = field(default_factory=list)
    outcomes: Counter[int | str] = field(default_factory=Counter)
    last: bytes = b""

    def cells(self) -> Iterator[str]:
        errors = {key: number for key, number in self.outcomes.items() if key not in SUCCESS}
        succeeded = self.outcomes.total() - sum(errors.values())
        yield f"{succeeded / self.seconds:,.0f}{' *' if self.is_limited_by_the_client else ''}"
        yield f"{self.percentile(50):,.1f}"
        yield f"{self.percentile(99):,.1f}"
        yield ", ".join(f"{number} × {key}" for key, number in errors.items()) or "0"

    def percentile(self, percent: int) -> float:
        """Returns the latency in milliseconds."""
        ranked = sorted(self.latencies)
        return ranked[math.ceil(len(ranked) * percent / 100) - 1] * 1000 if ranked else math.nan

    @property
    def is_limited_by_the_client(self) -> bool:
        return self.processor > BUSY * self.seconds


class Client:
    def __init__(self, url: str, token: str | None) -> None:
        parts = urlsplit(url)
        self.address, self.path = (str(parts.hostname), parts.port or 80), parts.path.rstrip("/")
        self.headers = f"Host: {parts.netloc}\r\nContent-Type: application/json\r\n"
        if token:
            self.headers += f"Authorization: Bearer {token}\r\n"

    def request(self, method: str, path: str, body: dict[str, Any] | None = None) -> bytes:
        data = json.dumps(body).encode() if body else b""
        length = f"Content-Length: {len(data)}\r\n" if body else ""
        request_line = f"{method} {self.path}{path} HTTP/1.1\r\n"
        return f"{request_line}{self.headers}{length}\r\n".encode() + data

    def send(
        self, requests: Iterator[bytes], connections: int = 1, seconds: float = math.inf
    ) -> Measurement:
        """Sends requests until they or the seconds run out, and waits for pending responses."""
        measured = Measurement()
        start, processor = time.perf_counter(), time.process_time()
        with DefaultSelector() as selector:

            def connect() -> None:
                if request := next(requests, None):
                    connection = Connection(self.address)
                    selector.register(connection.socket, EVENT_READ, connection)
                    connection.send(request)

            def close(connection: Connection) -> None:
                selector.unregister(connection.socket)
                connection.socket.close()

            try:
                for _ in range(connections):
                    connect()
                while selector.get_map():
                    ready = selector.select(TIMEOUT)
                    if not ready:
                        sys.exit(f"No response within {TIMEOUT} seconds.")
                    for key, _ in ready:
                        connection: Connection = key.data
                        is_open = connection.read()
                        now = time.perf_counter()
                        if connection.is_complete:
                            measured.latencies.append(now - connection.sent_at)
                            measured.outcomes[connection.status] += 1
                            measured.last = connection.body
                            is_open = is_open and connection.parser.should_keep_alive()
                        elif is_open:
                            continue
                        else:
                            measured.outcomes["lost"] += 1
                        request = next(requests, None) if now < start + seconds else None
                        if request and is_open:
                            connection.send(request)
                        else:
                            close(connection)
                            if request:
                                connect()
            finally:
                for key in [*selector.get_map().values()]:
                    close(key.data)
        measured.seconds = time.perf_counter() - start
        measured.processor = time.process_time() - processor
        return measured

    def fetch(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        """Returns the JSON of a 2xx response; any other response ends the program."""
        status, content = self._call(method, path, body)
        if status not in SUCCESS:
            sys.exit(f"{method} {path} returned {status}: {content.decode()}")
        return json.loads(content)

    def has(self, path: str) -> bool:
        return self._call("GET", path, None)[0] != HTTPStatus.NOT_FOUND

    def _call(self, method: str, path: str, body: dict[str, Any] | None) -> tuple[int | str, bytes]:
        try:
            measured = self.send(iter([self.request(method, path, body)]))
        except OSError as error:
            host, port = self.address
            sys.exit(f"Cannot connect to {host}:{port} ({error}): start the service with make run.")
        (status,) = measured.outcomes
        if status == HTTPStatus.UNAUTHORIZED:
            sys.exit("The service requires a token (401): set BENCH_TOKEN to a valid one.")
        return status, measured.last


def operations(client: Client, prefix: str, ids: list[str]) -> dict[str, Iterator[bytes]]:
    """Returns an endless iterator of requests for each operation."""
    numbers, ids_again = count(), cycle(ids)
    return {
        "get by id": cycle([client.request("GET", f"{ITEMS}/{id_}") for id_ in ids]),
        "list of 50": cycle([client.request("GET", f"{ITEMS}?limit=50")]),
        "create": (
            client.request("POST", ITEMS, {"name": f"{prefix}{number}"}) for number in numbers
        ),
        "patch": (
            client.request("PATCH", f"{ITEMS}/{next(ids_again)}", {"quantity": number % 1000})
            for number in numbers
        ),
    }


def probes(client: Client) -> dict[str, Iterator[bytes]]:
    return {
        "livez": cycle([client.request("GET", "/livez")]),
        "readyz": cycle([client.request("GET", "/readyz")]),
    }


def delete_all(client: Client, prefix: str) -> None:
    """Deletes the items by name, which includes those whose responses were lost."""
    while found := client.fetch("GET", f"{ITEMS}?limit=100&name_contains={prefix}")["items"]:
        client.send(iter([client.request("DELETE", f"{ITEMS}/{item['id']}") for item in found]), 4)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser("python -m tools.bench", description=__doc__)
    parser.add_argument("--url", default="http://127.0.0.1:8000")
    parser.add_argument(
        "--yes", action="store_true", help="allow a URL that is not on this machine"
    )
    parser.add_argument("--connections", type=int, nargs="+", default=[16, 128])
    parser.add_argument("--seconds", type=float, default=4, help="of each measurement")
    options = parser.parse_args(arguments)
    try:
        parts = urlsplit(options.url)
        is_valid = parts.scheme == "http" and parts.hostname and parts.port != 0
    except ValueError:
        is_valid = False
    if not is_valid:
        sys.exit(f"{options.url} is not an http:// URL: use one like http://127.0.0.1:8000.")
    if parts.hostname not in LOOPBACK and not options.yes:
        sys.exit(f"{options.url} is not on this machine: set yes=1 to put it under load anyway.")

    client = Client(options.url, os.environ.get("BENCH_TOKEN"))
    if not client.has(ITEMS):
        print_table(options, client, probes(client))
        return
    prefix = f"bench-{secrets.token_hex(4)}-"
    try:
        rows = ({"name": f"{prefix}row-{number}"} for number in range(ROWS))
        ids = [client.fetch("POST", ITEMS, row)["id"] for row in rows]
        print_table(options, client, operations(client, prefix, ids))
    finally:
        delete_all(client, prefix)


def print_table(
    options: argparse.Namespace, client: Client, operations: dict[str, Iterator[bytes]]
) -> None:
    print(f"{options.url}, {datetime.now(UTC):%Y-%m-%d %H:%M} UTC\n")
    print("| operation | connections | requests/s | p50, ms | p99, ms | errors |")
    print("|---|---|---|---|---|---|", flush=True)
    is_limited = False
    for name, requests in operations.items():
        for connections in options.connections:
            measured = client.send(requests, connections, options.seconds)
            is_limited |= measured.is_limited_by_the_client
            print(f"| {name} | {connections} | {' | '.join(measured.cells())} |", flush=True)
    if is_limited:
        print("\n\\* Limited by the CPU of the client: the service may be faster.")


if __name__ == "__main__":
    main()
