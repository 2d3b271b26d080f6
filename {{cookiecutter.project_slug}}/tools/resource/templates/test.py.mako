"""The ${words} over HTTP: what each field may hold, and how they are found."""

from itertools import count
from typing import Any
from uuid import UUID, uuid4

import pytest
from fastapi.testclient import TestClient

from tests.api.client import found, in_database, in_memory, problem, statements, wrong_fields
% for to in targets:
from tests.api.test_${to.plural} import create as create_${to.name}
% endfor

URL = "${url}"
NUMBERS = count(1)


def body(${"client: TestClient, /, " if references else ""}**fields: object) -> dict[str, Any]:
    """`fields`, and what else a new one needs."""
% if any(is_numbered(field) for field in needed):
    number = next(NUMBERS)
% endif
    return {
% for field in needed:
        "${field.key}": ${of_number(field)},
% endfor
    } | fields


def create(client: TestClient, /, **fields: object) -> dict[str, Any]:
    response = client.post(URL, json=body(${client + ", " if client else ""}**fields))
    assert response.status_code == 201, response.text
    ${name}: dict[str, Any] = response.json()
    return ${name}


def test_a_created_${name}_tells_where_it_is_and_which_version(client: TestClient) -> None:
    sent = ${"body(client) | " if references else ""}{
% for field in fields:
% if not field.to:
        "${field.key}": ${another(field)},
% endif
% endfor
    }
    response = client.post(URL, json=sent)
    ${name} = response.json()
    assert response.headers["location"] == f"{URL}/{${name}['id']}"
    assert response.headers["etag"].startswith('"1')
    assert UUID(${name}["id"]).version == 7
    assert ${name}["created_at"] == ${name}["updated_at"]
    assert ${name} == ${name} | sent
    again = client.get(response.headers["location"])
    assert again.json() == ${name}
    known = {"If-None-Match": again.headers["etag"]}
    assert client.get(again.url, headers=known).status_code == 304


% if defaulted:
def test_${a_name}_may_do_without_what_has_a_default(client: TestClient) -> None:
    ${name} = create(client)
    assert ${name} == ${name} | {
% for field in defaulted:
        "${field.key}": ${answered(field.default)},
% endfor
    }


% endif
% if required:
@in_memory
def test_${a_name}_needs_what_has_no_default(client: TestClient) -> None:
    assert wrong_fields(client.post(URL, json={})) == [
% for field in required:
        ("body", "${field.key}"),
% endfor
    ]


% endif
@in_memory
@pytest.mark.parametrize(
    ("field", "value"),
    [
% for field in fields:
% for value in wrong(field):
        ("${field.key}", ${value}),
% endfor
% endfor
    ],
)
def test_a_value_that_is_wrong_is_refused_by_the_name_of_its_field(
    client: TestClient, field: str, value: object
) -> None:
    url = f"{URL}/{create(client)['id']}"
    assert wrong_fields(client.post(URL, json=body(${client}) | {field: value})) == [("body", field)]
    assert wrong_fields(client.patch(url, json={field: value})) == [("body", field)]


% if changes:
@pytest.mark.parametrize(
    ("field", "before", "after"),
    [
% for field, before, after in changes:
        ("${field}", ${before}, ${after}),
% endfor
    ],
)
def test_a_patch_changes_what_it_names_and_nothing_else(
    client: TestClient, field: str, before: object, after: object
) -> None:
    ${name} = create(client, **{field: before})
    url = f"{URL}/{${name}['id']}"
    response = client.patch(url, json={field: after})
    assert response.status_code == 200, response.text
    assert response.headers["etag"].startswith('"2')
    assert response.json() == ${name} | {
        field: after,
        "updated_at": response.json()["updated_at"],
    }
    assert client.get(url).json() == response.json()


% endif
% if unique:
@pytest.mark.parametrize("field", [${", ".join(quoted(field.key) for field in unique)}])
def test_a_value_that_is_taken_is_a_conflict(client: TestClient, field: str) -> None:
    ${name}, other = create(client), create(client)
    again = {field: ${name}[field]}
    url = f"{URL}/{other['id']}"
    for response in (client.post(URL, json=body(${client}) | again), client.patch(url, json=again)):
        assert [error["field"] for error in problem(response, 409)["errors"]] == [field]
    assert client.get(url).json() == other


% endif
def test_what_is_not_there_is_not_found(client: TestClient) -> None:
    url = f"{URL}/{uuid4()}"
    problem(client.get(url), 404)
    problem(client.patch(url, json={"${fields[0].key}": ${another(fields[0]) if not fields[0].to else of_number(fields[0])}}), 404)
    problem(client.delete(url), 404)


def test_a_deleted_${name}_is_gone(client: TestClient) -> None:
    url = f"{URL}/{create(client)['id']}"
    assert client.delete(url).status_code == 204
    problem(client.get(url), 404)
    assert found(client, URL) == []


% if filtered:
def test_a_list_can_be_filtered(client: TestClient) -> None:
% if chosen:
    ${name} = create(client, ${", ".join(f"{field.key}={one(field)}" for field in chosen)})
    other = create(client, ${", ".join(f"{field.key}={another(field)}" for field in chosen)})
% else:
    ${name}, other = create(client), create(client)
% endif
    assert found(client, URL) == [${name}["id"], other["id"]]
% for field in filtered:
    assert found(client, URL, ${field.filter}=${name}["${field.key}"]) == [${name}["id"]]
% endfor


% endif
% if empty:
def test_what_is_null_contains_nothing(client: TestClient) -> None:
    create(client)
% for field in empty:
    assert found(client, URL, ${field.filter}="") == []
% endfor


% endif
@pytest.mark.parametrize("sort", [${sorts}])
def test_pages_hold_every_${name}_once_and_in_order(client: TestClient, sort: str) -> None:
    created = [create(client) for _ in range(3)]
    created.sort(key=lambda ${name}: str(${name}[sort.removeprefix("-")]))
    seen: list[str] = []
    query: dict[str, str | int] = {"sort": sort, "limit": 2}
    for _ in range(2):
        page = client.get(URL, params=query).json()
        seen += [${name}["id"] for ${name} in page["items"]]
        query["cursor"] = page["next_cursor"]
    expected = [${name}["id"] for ${name} in created]
    assert seen == (expected[::-1] if sort.startswith("-") else expected)
    assert query["cursor"] is None
% if references:


REFERENCES = [${", ".join(f'("{field.name}", "{to.url}")' for field, to in references)}]


@pytest.mark.parametrize(("name", "url"), REFERENCES)
def test_${a_name}_comes_with_what_it_refers_to(client: TestClient, name: str, url: str) -> None:
    ${name}, other = create(client), create(client)
    for one in (${name}, other):
        assert one[name] == client.get(f"{url}/{one[f'{name}_id']}").json()
    listed = client.get(URL).json()["items"]
    assert [one[name] for one in listed] == [${name}[name], other[name]]


@pytest.mark.parametrize(("name", "url"), REFERENCES)
def test_a_reference_to_nothing_is_a_conflict(client: TestClient, name: str, url: str) -> None:
    ${name} = create(client)
    nothing = {f"{name}_id": str(uuid4())}
    changed = client.patch(f"{URL}/{${name}['id']}", json=nothing)
    for response in (client.post(URL, json=body(${client}) | nothing), changed):
        errors = problem(response, 409)["errors"]
        assert [error["field"] for error in errors] == [f"{name}_id"]
    assert found(client, URL) == [${name}["id"]]


@pytest.mark.parametrize(("name", "url"), REFERENCES)
def test_what_${a_name}_refers_to_stays(client: TestClient, name: str, url: str) -> None:
    ${name} = create(client)
    referred = f"{url}/{${name}[f'{name}_id']}"
    problem(client.delete(referred), 409)
    assert client.delete(f"{URL}/{${name}['id']}").status_code == 204
    assert client.delete(referred).status_code == 204


% if any(field.optional for field, to in references):
def test_a_reference_may_be_empty(client: TestClient) -> None:
    ${name} = create(client)
% for field, to in references:
% if field.optional:
    response = client.patch(f"{URL}/{${name}['id']}", json={"${field.key}": None})
    assert (response.json()["${field.key}"], response.json()["${field.name}"]) == (None, None)
% endif
% endfor


% endif
@in_database
def test_a_page_costs_no_statement_more_for_each_${name}(client: TestClient) -> None:
    costs = []
    for _ in range(3):
        create(client)
        with statements() as told:
            client.get(URL)
        costs.append(len(told))
    assert costs == costs[:1] * 3
% endif
