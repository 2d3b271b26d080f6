"""The items API: validation, filters and sorting."""

from itertools import count
from typing import Any
from uuid import UUID, uuid4

import pytest
from fastapi.testclient import TestClient

from tests.api.client import found, in_memory, problem, wrong_fields
from tests.factories.items import make_item

URL = "/v1/items"
NUMBERS = count(1)


def body(**fields: object) -> dict[str, Any]:
    """Returns the request body of a new record, with these fields."""
    return make_item(next(NUMBERS)) | fields


def create(client: TestClient, /, **fields: object) -> dict[str, Any]:
    response = client.post(URL, json=body(**fields))
    assert response.status_code == 201, response.text
    item: dict[str, Any] = response.json()
    return item


def test_a_created_item_has_a_location_and_an_etag(client: TestClient) -> None:
    sent = body()
    response = client.post(URL, json=sent)
    assert response.status_code == 201, response.text
    item = response.json()
    assert response.headers["location"] == f"{URL}/{item['id']}"
    assert response.headers["etag"].startswith('"1')
    assert UUID(item["id"]).version == 7
    assert item["created_at"] == item["updated_at"]
    assert item == item | sent
    again = client.get(response.headers["location"])
    assert again.json() == item
    known = {"If-None-Match": again.headers["etag"]}
    assert client.get(again.url, headers=known).status_code == 304


def test_fields_with_a_default_may_be_omitted(client: TestClient) -> None:
    defaults = {
        "description": None,
        "quantity": 0,
        "is_active": True,
        "available_from": None,
    }
    sent = {field: value for field, value in body().items() if field not in defaults}
    response = client.post(URL, json=sent)
    assert response.status_code == 201, response.text
    item = response.json()
    assert item == item | defaults


@in_memory
def test_missing_required_fields_are_rejected(client: TestClient) -> None:
    assert wrong_fields(client.post(URL, json={})) == [
        ("body", "name"),
    ]


@in_memory
@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", None),
        ("name", ""),
        ("name", "x" * 129),
        ("name", "a\x00b"),
        ("name", 1),
        ("description", "x" * 2001),
        ("description", "a\x00b"),
        ("description", 1),
        ("quantity", None),
        ("quantity", 2**31),
        ("quantity", -1),
        ("quantity", "1"),
        ("quantity", True),
        ("quantity", 1.5),
        ("is_active", None),
        ("is_active", 1),
        ("is_active", "perhaps"),
        ("available_from", 0),
        ("available_from", "2026-01-31"),
        ("available_from", "2026-01-31T12:00:00"),
    ],
)
def test_an_invalid_value_is_reported_with_its_field(
    client: TestClient, field: str, value: object
) -> None:
    url = f"{URL}/{create(client)['id']}"
    assert wrong_fields(client.post(URL, json=body() | {field: value})) == [("body", field)]
    assert wrong_fields(client.patch(url, json={field: value})) == [("body", field)]


@pytest.mark.parametrize(
    ("field", "before", "after"),
    [
        ("name", "one", "another"),
        ("description", "some words", "other words"),
        ("description", "other words", None),
        ("quantity", 12, 13),
        ("is_active", True, False),
        ("available_from", "2026-01-31T12:00:00Z", "2026-02-28T12:00:00Z"),
        ("available_from", "2026-02-28T12:00:00Z", None),
    ],
)
def test_a_patch_changes_only_its_fields(
    client: TestClient, field: str, before: object, after: object
) -> None:
    item = create(client, **{field: before})
    url = f"{URL}/{item['id']}"
    response = client.patch(url, json={field: after})
    assert response.status_code == 200, response.text
    assert response.headers["etag"].startswith('"2')
    assert response.json() == item | {
        field: after,
        "updated_at": response.json()["updated_at"],
    }
    assert client.get(url).json() == response.json()


@pytest.mark.parametrize("field", ["name"])
def test_a_duplicate_value_is_a_conflict(client: TestClient, field: str) -> None:
    item, other = create(client), create(client)
    again = {field: item[field]}
    url = f"{URL}/{other['id']}"
    for response in (client.post(URL, json=body() | again), client.patch(url, json=again)):
        assert [error["field"] for error in problem(response, 409)["errors"]] == [field]
    assert client.get(url).json() == other


def test_an_unknown_id_is_not_found(client: TestClient) -> None:
    url = f"{URL}/{uuid4()}"
    problem(client.get(url), 404)
    problem(client.patch(url, json={"name": "another"}), 404)
    problem(client.delete(url), 404)


def test_a_deleted_item_is_not_found(client: TestClient) -> None:
    url = f"{URL}/{create(client)['id']}"
    assert client.delete(url).status_code == 204
    problem(client.get(url), 404)
    assert found(client, URL) == []


def test_a_list_can_be_filtered(client: TestClient) -> None:
    item = create(client, is_active=True)
    other = create(client, is_active=False)
    assert found(client, URL) == [item["id"], other["id"]]
    assert found(client, URL, name_contains=item["name"]) == [item["id"]]
    assert found(client, URL, is_active=item["is_active"]) == [item["id"]]


@pytest.mark.parametrize("sort", ["created_at", "-created_at", "name", "-name"])
def test_pages_contain_every_item_once_and_in_order(client: TestClient, sort: str) -> None:
    created = [create(client) for _ in range(3)]
    key = sort.removeprefix("-")
    created.sort(key=lambda item: item[key])
    listed: list[str] = []
    query: dict[str, str | int] = {"sort": sort, "limit": 2}
    for _ in range(2):
        page = client.get(URL, params=query).json()
        listed += [item["id"] for item in page["items"]]
        query["cursor"] = page["next_cursor"]
    expected = [item["id"] for item in created]
    assert listed == (expected[::-1] if sort.startswith("-") else expected)
    assert query["cursor"] is None
