"""Follows a service's docs/webhooks.md: a receiver that fails first gets the delivery again."""

import base64
import hmac
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from tests.conftest import Bake, Service, each_choice, start_process
from tests.test_business_rules import add, created, refused
from tests.test_first_month import steps
from tests.test_services import request, serving

pytestmark = pytest.mark.slower

PAGE = "docs/webhooks.md"
KEY = b"a key of twenty-four byte"
Delivery = tuple[dict[str, str], bytes]


@each_choice
def test_a_paid_order_is_delivered_once_by_a_signed_webhook(
    bake: Bake, answers: dict[str, str]
) -> None:
    service = bake(**answers)
    service.run("make", "install")
    with service.throwaway("database") as database, receiver([503, 302, 204]) as (url, deliveries):
        for where, name, kind, lines in steps(service, PAGE):
            if kind == "sh":
                service.run("bash", "-ec", lines, DATABASE_URL=database)
            else:
                add(service, where, name, lines)
        its_checks_pass(service)
        variables = {
            "DATABASE_URL": database,
            "WEBHOOK_URL": url,
            "WEBHOOK_SECRET": f"whsec_{base64.b64encode(KEY).decode()}",
        }
        worker = ("uv", "run", "--no-sync", "python", "-m", "app.worker")
        with (
            serving(service, **variables) as (service_url, _),
            start_process(*worker, folder=service.path, **variables),
        ):
            order = created(f"{service_url}/v1/orders", number=1)
            pay = f"{service_url}/v1/orders/{order['id']}/pay"
            status, paid = request(pay, "POST")
            assert (status, paid["status"]) == (200, "paid")
            assert refused(pay, "POST") == (409, ["status"])
            wait_until(lambda: len(deliveries) == 3)
            time.sleep(2)
    assert [verified(delivery) for delivery in deliveries] == [paid] * 3
    assert len({headers["Webhook-Id"] for headers, _ in deliveries}) == 1


def its_checks_pass(service: Service) -> None:
    for check in (("ruff", "format", "--check"), ("ruff", "check"), ("mypy",)):
        service.run("uv", "run", *check)
    tests = ("api/test_orders.py", "api/test_openapi.py", "test_architecture.py")
    service.run("uv", "run", "pytest", "--no-cov", *(f"tests/{name}" for name in tests))


def verified(delivery: Delivery) -> object:
    headers, body = delivery
    signed = f"{headers['Webhook-Id']}.{headers['Webhook-Timestamp']}.".encode() + body
    expected = base64.b64encode(hmac.digest(KEY, signed, "sha256")).decode()
    assert headers["Webhook-Signature"] == f"v1,{expected}"
    event = json.loads(body)
    assert event["type"] == "order.paid"
    return event["data"]


@contextmanager
def receiver(statuses: list[int]) -> Iterator[tuple[str, list[Delivery]]]:
    """Yields the URL of a receiver that answers with these statuses, and the received requests."""
    deliveries: list[Delivery] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(statuses[min(len(deliveries), len(statuses) - 1)])
            self.send_header("Location", "/elsewhere")
            self.end_headers()
            deliveries.append((dict(self.headers), body))

        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/webhooks", deliveries
        finally:
            server.shutdown()
            thread.join()


def wait_until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end, "not within a minute"
        time.sleep(0.1)
