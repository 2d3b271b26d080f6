"""Idempotency keys: a repeated POST gets the first response."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from fastapi import APIRouter, Request, Response
from fastapi.testclient import TestClient
from httpx2 import Response as ClientResponse
from sqlalchemy import Engine, func, select, text, update

from app.api.dependencies import StoreDep
from app.api.errors import problems
from app.api.etags import etag
from app.api.idempotency import OnceDep
from app.api.users import optional_user
from app.db.base import now
from app.db.tables.idempotency import IdempotencyKeyTable
{% if cookiecutter.database == "postgres" %}
from app.repositories.errors import Refused
{% endif %}
from app.schemas.identity import User
from app.settings import Settings
from tests.api.client import in_database, names, problem, wrong_fields
from tests.conftest import application
from tests.database import ALLOW_COMMITS, REFUSE_COMMITS
{% if cookiecutter.database == "postgres" %}
from tests.widgets import Widget, WidgetCreate, WidgetSqlStore, create_app, widgets_of
{% else %}
from tests.widgets import Widget, WidgetCreate, create_app, widgets_of
{% endif %}

pytestmark = in_database

URL = "/v1/once/widgets"
KEY = {"Idempotency-Key": "8e03978e-40d5-43dd-bc93-6894a57f9324"}
BOLT = {"name": "bolt", "description": "an ö", "available_from": "2026-11-28T12:00:00.5Z"}

router = APIRouter(prefix=URL, responses=problems(401, 422, 500, 503))


@router.post("", status_code=201, responses=problems(409, 413))
async def create_once(
    new: WidgetCreate,
    once: OnceDep,
    store: StoreDep,
    request: Request,
    response: Response,
) -> Widget:
    fault = request.headers.get("fault")
    async with once.write(store) as repositories:
        widget = await widgets_of(repositories).add(new)
        response.headers["Location"] = request.url_for("read_widget", widget_id=widget.id).path
        response.headers["ETag"] = etag(widget)
        if fault != "keep is forgotten":
            once.keep(widget, response)
    if fault == "response is lost":
        raise ConnectionError
    return widget


@pytest.fixture
def client(settings: Settings) -> Iterator[TestClient]:
    app = create_app(settings)
    app.include_router(router)
    with TestClient(app, raise_server_exceptions=False) as client:
        yield client


def is_the_same(response: ClientResponse, first: ClientResponse) -> bool:
    """Returns whether a client sees the same response, except for the request id."""
    compared = ("content-type", "etag", "location")
    return (response.status_code, response.content) == (first.status_code, first.content) and all(
        response.headers[name] == first.headers[name] for name in compared
    )


def stored(database: Engine) -> int:
    with database.begin() as connection:
        return connection.scalar(select(func.count()).select_from(IdempotencyKeyTable)) or 0


def age(database: Engine, by: timedelta) -> None:
    with database.begin() as connection:
        connection.execute(update(IdempotencyKeyTable).values(created_at=now() - by))


def test_a_repeated_request_gets_the_first_response(client: TestClient) -> None:
    first = client.post(URL, json=BOLT, headers=KEY)
    assert first.status_code == 201
    changed = client.patch(first.headers["location"], json={"quantity": 7})
    assert changed.headers["etag"] != first.headers["etag"]
    assert is_the_same(client.post(URL, json=BOLT, headers=KEY), first)
    assert client.delete(first.headers["location"]).status_code == 204
    assert is_the_same(client.post(URL, json=BOLT, headers=KEY), first)
    assert names(client.get("/v1/widgets")) == []


def test_a_lost_response_is_sent_again(client: TestClient) -> None:
    problem(client.post(URL, json=BOLT, headers={**KEY, "Fault": "response is lost"}), 500)
    response = client.post(URL, json=BOLT, headers=KEY)
    assert response.status_code == 201
    assert client.get(response.headers["location"]).json() == response.json()


def test_requests_without_a_key_are_independent(client: TestClient, database: Engine) -> None:
    assert client.post(URL, json=BOLT).status_code == 201
    problem(client.post(URL, json=BOLT), 409)
    assert stored(database) == 0


@pytest.mark.parametrize("query", ["", "?a=b"])
def test_a_key_reused_for_another_request_is_rejected(client: TestClient, query: str) -> None:
    assert client.post(URL, json=BOLT, headers=KEY).status_code == 201
    body = BOLT if query else {**BOLT, "quantity": 1}
    response = client.post(URL + query, json=body, headers=KEY)
    assert wrong_fields(response) == [("header", "Idempotency-Key")]
    assert names(client.get("/v1/widgets")) == ["bolt"]


def test_a_failed_request_can_be_repeated(client: TestClient, database: Engine) -> None:
    assert client.post(URL, json={"name": "bolt"}).status_code == 201
    problem(client.post(URL, json=BOLT, headers=KEY), 409)
    for statement in REFUSE_COMMITS:
        with database.begin() as connection:
            connection.execute(text(statement))
    refused = client.post(URL, json={"name": "nut"}, headers=KEY)
    for statement in ALLOW_COMMITS:
        with database.begin() as connection:
            connection.execute(text(statement))
    problem(refused, 422)
    assert client.post(URL, json={"name": "nut"}, headers=KEY).status_code == 201


def test_concurrent_requests_are_executed_once(client: TestClient, database: Engine) -> None:
    with ThreadPoolExecutor(8) as clients:
        sent = [clients.submit(client.post, URL, json=BOLT, headers=KEY) for _ in range(16)]
    statuses = {each.result().status_code for each in sent}
    assert 201 in statuses
{% if cookiecutter.database == "postgres" %}
    assert statuses <= {201, 409}
{% else %}
    assert statuses == {201}
{% endif %}
    assert stored(database) == 1
    assert names(client.get("/v1/widgets")) == ["bolt"]
{% if cookiecutter.database == "postgres" %}


async def test_the_key_of_a_running_request_is_a_conflict(
    settings: Settings,
) -> None:
    store, other = WidgetSqlStore(settings), WidgetSqlStore(settings)
    key, lifetime = "a0" * 32, timedelta(days=1)
    async with store.write() as repositories:
        assert await repositories.idempotency_keys.find(key, lifetime) is None
        with pytest.raises(Refused, match="is still running"):
            async with other.write() as others:
                await others.idempotency_keys.find(key, lifetime)
    async with other.write() as others:
        assert await others.idempotency_keys.find(key, lifetime) is None
    await store.close()
    await other.close()
{% endif %}


def test_each_user_has_separate_keys(client: TestClient) -> None:
    overrides = application(client).dependency_overrides
    for subject, name in (("ada", "bolt"), ("eve", "nut")):
        overrides[optional_user] = lambda subject=subject: User(subject=subject, claims={})
        response = client.post(URL, json={"name": name}, headers=KEY)
        assert (response.status_code, response.json()["name"]) == (201, name)


def test_an_expired_key_can_be_reused(
    client: TestClient, settings: Settings, database: Engine
) -> None:
    for name in ("bolt", "nut", "washer"):
        headers = {"Idempotency-Key": name}
        assert client.post(URL, json={"name": name}, headers=headers).status_code == 201
    lifetime = timedelta(seconds=settings.idempotency_key_lifetime)
    age(database, lifetime - timedelta(minutes=1))
    problem(client.post(URL, json=BOLT, headers={"Idempotency-Key": "nut"}), 422)
    assert stored(database) == 3
    age(database, lifetime + timedelta(minutes=1))
    response = client.post(URL, json={"name": "screw"}, headers={"Idempotency-Key": "nut"})
    assert (response.status_code, response.json()["name"]) == (201, "screw")
    assert stored(database) == 1


def test_a_block_that_stores_no_response_fails(client: TestClient) -> None:
    for headers in ({}, KEY):
        problem(client.post(URL, json=BOLT, headers={**headers, "Fault": "keep is forgotten"}), 500)
    assert names(client.get("/v1/widgets")) == []


@pytest.mark.parametrize("key", ["", "ö", "x" * 256])
def test_an_invalid_key_is_rejected(client: TestClient, key: str) -> None:
    response = client.post(URL, json=BOLT, headers={b"Idempotency-Key": key.encode()})
    problem(response, 422)
