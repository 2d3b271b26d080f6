"""Requests and responses that work alike for every resource, with widgets as the example."""

import json
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient

from tests.api.client import URL, create, in_memory, names, problem, wrong_fields
from tests.conftest import application, settings_for
from tests.database import UNREACHABLE_URL
from tests.widgets import create_app

ID = "019ad1c0-0000-7000-8000-000000000000"


@pytest.fixture(scope="module")
def offline() -> Iterator[TestClient]:
    """A client without a database: a request that gets as far as the database answers 503."""
    app = create_app(settings_for(UNREACHABLE_URL))
    with TestClient(app) as client:
        yield client


def test_a_duplicate_name_is_a_conflict(client: TestClient) -> None:
    create(client, "bolt")
    body = problem(client.post(URL, json={"name": "bolt"}), 409)
    assert body["errors"] == [
        {"location": "body", "field": "name", "detail": "This name is already taken."}
    ]


@pytest.mark.parametrize(
    ("if_match", "status"),
    [
        ('"1"', 200),
        ("*", 200),
        ('"7", "1"', 200),
        ('"2"', 412),
        ('W/"1"', 412),
        ("1", 412),
        ('"one"', 412),
        ('"2147483648"', 412),
        ('"99999999999999999999"', 412),
        (", ".join(f'"{version}"' for version in range(2, 10_000)), 412),
        ("", 412),
    ],
)
def test_a_patch_applies_only_to_versions_in_if_match(
    client: TestClient, if_match: str, status: int
) -> None:
    widget = create(client)
    url = f"{URL}/{widget['id']}"
    response = client.patch(url, json={"quantity": 9}, headers={"If-Match": if_match})
    assert response.status_code == status
    assert client.get(url).json()["quantity"] == (9 if status == 200 else 0)


def test_if_match_may_be_repeated(client: TestClient) -> None:
    url = f"{URL}/{create(client)['id']}"
    headers = [("If-Match", '"7"'), ("If-Match", '"1"')]
    assert client.patch(url, json={"quantity": 9}, headers=headers).status_code == 200


def test_a_deletion_applies_only_to_versions_in_if_match(client: TestClient) -> None:
    url = f"{URL}/{create(client)['id']}"
    problem(client.delete(url, headers={"If-Match": '"2"'}), 412)
    assert client.delete(url, headers={"If-Match": '"1"'}).status_code == 204


@pytest.mark.parametrize(
    ("if_none_match", "status"),
    [('"1"', 304), ("*", 304), ('W/"1"', 304), ('"7", "1"', 304), ('"2"', 200), ("1", 200)],
)
def test_a_matching_if_none_match_gets_a_304(
    client: TestClient, if_none_match: str, status: int
) -> None:
    widget = create(client)
    headers = {"If-None-Match": if_none_match}
    response = client.get(f"{URL}/{widget['id']}", headers=headers)
    assert response.status_code == status
    assert response.headers["etag"] == '"1"'
    assert response.content == b"" or response.json() == widget


def test_a_cursor_continues_the_list(client: TestClient) -> None:
    for number in range(5):
        create(client, f"widget {number}")
    listed: list[str] = []
    params: dict[str, str | int] = {"limit": 2, "sort": "-name"}
    for _ in range(3):
        response = client.get(URL, params=params)
        listed += names(response)
        params["cursor"] = response.json()["next_cursor"]
    assert listed == ["widget 4", "widget 3", "widget 2", "widget 1", "widget 0"]
    assert params["cursor"] is None


def test_the_default_page_size_is_fifty(client: TestClient) -> None:
    for number in range(51):
        create(client, f"widget {number}")
    assert len(names(client.get(URL))) == 50
    assert len(names(client.get(URL, params={"limit": 100}))) == 51


@pytest.mark.parametrize(
    ("body", "wrong"),
    [
        ({}, "name"),
        ({"name": ""}, "name"),
        ({"name": "x" * 129}, "name"),
        ({"name": None}, "name"),
        ({"name": "a\x00b"}, "name"),
        ({"name": "x", "description": "x" * 2001}, "description"),
        ({"name": "x", "quantity": -1}, "quantity"),
        ({"name": "x", "quantity": 2**31}, "quantity"),
        ({"name": "x", "quantity": 10**30}, "quantity"),
        ({"name": "x", "quantity": None}, "quantity"),
        ({"name": "x", "quantity": "1"}, "quantity"),
        ({"name": "x", "quantity": True}, "quantity"),
        ({"name": "x", "is_active": "perhaps"}, "is_active"),
        ({"name": "x", "is_active": 1}, "is_active"),
        ({"name": "x", "available_from": 0}, "available_from"),
        ({"name": "x", "available_from": "0"}, "available_from"),
        ({"name": "x", "available_from": "2026-01-01"}, "available_from"),
        ({"name": "x", "available_from": "2026-01-01T00:00:00"}, "available_from"),
        ({"name": "x", "available_from": "0001-01-01T00:00:00+14:00"}, "available_from"),
        ({"name": "x", "available_from": "9999-12-31T23:59:59-12:00"}, "available_from"),
        ({"name": "x", "colour": "red"}, "colour"),
        ({"name": "x", "id": "0"}, "id"),
    ],
)
def test_an_invalid_body_is_reported_with_its_field(
    offline: TestClient, body: dict[str, object], wrong: str
) -> None:
    assert wrong_fields(offline.post(URL, json=body)) == [("body", wrong)]


@in_memory
@pytest.mark.parametrize(
    ("changes", "wrong"),
    [({}, ""), ({"name": None}, "name"), ({"is_active": None}, "is_active"), ({"id": "0"}, "id")],
)
def test_an_invalid_patch_is_reported_with_its_field(
    client: TestClient, changes: dict[str, object], wrong: str
) -> None:
    widget = create(client)
    response = client.patch(f"{URL}/{widget['id']}", json=changes)
    assert wrong_fields(response) == [("body", wrong)]


@pytest.mark.parametrize(
    ("params", "wrong"),
    [
        ({"limit": 0}, "limit"),
        ({"limit": -1}, "limit"),
        ({"limit": 101}, "limit"),
        ({"limit": 10**30}, "limit"),
        ({"limit": "many"}, "limit"),
        ({"sort": "colour"}, "sort.0"),
        ({"sort": ["name", "created_at", "quantity"]}, "sort"),
        ({"is_active": "perhaps"}, "is_active"),
        ({"name_contains": "\x00"}, "name_contains"),
        ({"cursor": ""}, "cursor"),
        ({"cursor": "%%%"}, "cursor"),
        ({"cursor": "é"}, "cursor"),
        ({"cursor": "x" * 2001}, "cursor"),
        ({"cursor": "bm90IEpTT04="}, "cursor"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_an_invalid_query_is_reported_with_its_parameter(
    offline: TestClient, params: dict[str, Any], wrong: str
) -> None:
    assert wrong_fields(offline.get(URL, params=params)) == [("query", wrong)]


@pytest.mark.parametrize(
    ("params", "wrong"),
    [
        ({"is_active": ["true", "false"]}, ["is_active"]),
        (
            {"name_contains": ["a", "a"], "limit": [1, 2], "sort": ["name", "-created_at"]},
            ["limit", "name_contains"],
        ),
    ],
)
def test_repeated_single_value_parameters_are_rejected(
    offline: TestClient, params: dict[str, Any], wrong: list[str]
) -> None:
    response = offline.get(URL, params=params)
    assert wrong_fields(response) == [("query", name) for name in wrong]
    assert {error["detail"] for error in response.json()["errors"]} == {"must be given once"}


def test_a_cursor_is_valid_for_one_sort_only(client: TestClient) -> None:
    create(client, "a")
    create(client, "b")
    cursor = client.get(URL, params={"limit": 1}).json()["next_cursor"]
    response = client.get(URL, params={"sort": "name", "cursor": cursor})
    assert wrong_fields(response) == [("query", "cursor")]


@pytest.mark.parametrize(
    "position",
    [
        {},
        {"sort": ["name"], "values": ["a"]},
        {"sort": ["name"], "values": ["a", "0"]},
        {"sort": ["name"], "values": ["a", "a", ID]},
        {"sort": ["name"], "values": [None, ID]},
        {"sort": ["name"], "values": ["\0", ID]},
        {"sort": ["name"], "values": ["a" * 129, ID]},
        {"sort": ["quantity", "name"], "values": ["1", "a", ID]},
        {"sort": ["created_at"], "values": ["0001-01-01T00:00:00+14:00", ID]},
        {"sort": ["created_at"], "values": ["9999-12-31T23:59:59-14:00", ID]},
        {"sort": ["created_at"], "values": ["2026-01-01T00:00:00", ID]},
        {"sort": ["created_at"], "values": [10**30, ID]},
    ],
)
def test_a_forged_cursor_is_rejected(offline: TestClient, position: dict[str, Any]) -> None:
    cursor = urlsafe_b64encode(json.dumps(position).encode()).decode()
    params = {"sort": position.get("sort", "name"), "cursor": cursor}
    response = offline.get(URL, params=params)
    assert wrong_fields(response) == [("query", "cursor")]


def test_an_unknown_sort_is_reported_without_its_cursor(client: TestClient) -> None:
    response = client.get(URL, params={"sort": "colour", "cursor": "x"})
    assert wrong_fields(response) == [("query", "sort.0")]


def test_an_invalid_uuid_is_not_found(client: TestClient) -> None:
    problem(client.get(f"{URL}/one"), 404)


def test_a_literal_path_beside_an_id_has_its_own_methods(client: TestClient) -> None:
    application(client).post(f"{URL}/place")(lambda: "placed")
    assert client.post(f"{URL}/place").json() == "placed"
    for method in ("GET", "PATCH", "DELETE"):
        response = client.request(method, f"{URL}/place")
        problem(response, 405)
        assert response.headers["allow"] == "POST"
