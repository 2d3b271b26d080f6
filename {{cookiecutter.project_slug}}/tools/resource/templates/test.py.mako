<% has_page = references or links or lists %>\
<%def name="overrides(both)">\
% for field in both:
% if field.to_itself:
, ${field.key}=create(client)["id"]\
% endif
% endfor
</%def>\
<%def name="parameters(rule)">\
% if of_rule(rule) == references:
REFERENCES\
% else:
[${", ".join(f'("{field.name}", "{to.url}")' for field, to in of_rule(rule))}]\
% endif
</%def>\
"""The ${words} API: validation, filters and sorting."""

from decimal import Decimal
from itertools import count
from typing import Any
from uuid import UUID, uuid4

import pytest
from fastapi.testclient import TestClient

from tests.api.client import ${"as_user, " if owned else ""}found, ${"id_of_new, " if client else ""}${"in_database, " if in_database or has_page else ""}${"" if in_database else "in_memory, "}problem, ${"statements, " if has_page else ""}wrong_fields
% for to in targets:
from tests.api.test_${to.plural} import create as create_${to.name}
% endfor
from tests.factories.${plural} import make_${name}
% for rows in lists:
from tests.factories.${plural} import make_${rows.row}
% endfor

% if in_database:
pytestmark = in_database
% endif
URL = "${url}"
NUMBERS = count(1)


def body(${"client: TestClient, /, " if client else ""}**fields: object) -> dict[str, Any]:
    """Returns the request body of a new record, with these fields."""
% if client:
    id_of = id_of_new(client${"".join(f", {to.plural}=create_{to.name}" for to in targets)})
    return make_${name}(next(NUMBERS), id_of) | fields
% else:
    return make_${name}(next(NUMBERS)) | fields
% endif


def create(client: TestClient, /, **fields: object) -> dict[str, Any]:
    response = client.post(URL, json=body(${client + ", " if client else ""}**fields))
    assert response.status_code == 201, response.text
    ${name}: dict[str, Any] = response.json()
    return ${name}
% for rows in lists:


def ${rows.row}(${"client: TestClient, /, " if rows.references else ""}**fields: object) -> dict[str, Any]:
% if rows.references:
    id_of = id_of_new(client${"".join(f", {plural}=create_{name}" for plural, name in dict.fromkeys((to.plural, to.name) for _, to in rows.references))})
    return make_${rows.row}(next(NUMBERS), id_of) | fields
% else:
    return make_${rows.row}(next(NUMBERS)) | fields
% endif
% endfor


def test_a_created_${name}_has_a_location_and_an_etag(client: TestClient) -> None:
    sent = body(${client})
    response = client.post(URL, json=sent)
    assert response.status_code == 201, response.text
    ${name} = response.json()
    assert response.headers["location"] == f"{URL}/{${name}['id']}"
    assert response.headers["etag"].startswith('"1')
    assert UUID(${name}["id"]).version == 7
    assert ${name}["created_at"] == ${name}["updated_at"]
% if private:
    assert ${name} == ${name} | {field: sent[field] for field in sent.keys() - PRIVATE.keys()}
% else:
    assert ${name} == ${name} | sent
% endif
    again = client.get(response.headers["location"])
    assert again.json() == ${name}
    known = {"If-None-Match": again.headers["etag"]}
    assert client.get(again.url, headers=known).status_code == 304


% if defaulted or links or lists:
def test_fields_with_a_default_may_be_omitted(client: TestClient) -> None:
    defaults${": dict[str, Any]" if links or lists or any(field.kind in {"array", "json"} for field in defaulted) else ""} = {
% for field in defaulted:
        "${field.key}": ${answered(field.default)},
% endfor
% for each in links:
        "${each.keys}": [],
% endfor
% for rows in lists:
        "${rows.name}": [],
% endfor
    }
    sent = {field: value for field, value in body(${client}).items() if field not in defaults}
    response = client.post(URL, json=sent)
    assert response.status_code == 201, response.text
    ${name} = response.json()
    assert ${name} == ${name} | defaults


% endif
% if required:
% if not in_database:
@in_memory
% endif
def test_missing_required_fields_are_rejected(client: TestClient) -> None:
    assert wrong_fields(client.post(URL, json={})) == [
% for field in required:
        ("body", "${field.key}"),
% endfor
    ]


% endif
% if not in_database:
@in_memory
% endif
@pytest.mark.parametrize(
    ("field", "value"),
    [
% for field in fields:
% for value in wrong(field):
        ("${field.key}", ${value}),
% endfor
% endfor
% for each in links:
        ("${each.keys}", None),
        ("${each.keys}", "one"),
        ("${each.keys}", [str(UUID(int=1))] * 2),
        ("${each.keys}", [str(UUID(int=number)) for number in range(101)]),
% endfor
% for rows in lists:
        ("${rows.name}", None),
        ("${rows.name}", {}),
% endfor
    ],
)
def test_an_invalid_value_is_reported_with_its_field(
    client: TestClient, field: str, value: object
) -> None:
    url = f"{URL}/{create(client)['id']}"
    assert wrong_fields(client.post(URL, json=body(${client}) | {field: value})) == [("body", field)]
    assert wrong_fields(client.patch(url, json={field: value})) == [("body", field)]


% if arrays:
% if not in_database:
@in_memory
% endif
@pytest.mark.parametrize(
    ("field", "value"),
    [
% for field, element in arrays:
% for value in wrong(element):
        ("${field.key}", ${value}),
% endfor
% endfor
    ],
)
def test_an_invalid_element_is_reported_with_its_index(
    client: TestClient, field: str, value: object
) -> None:
    url, sent = f"{URL}/{create(client)['id']}", {field: [value]}
    for response in (client.post(URL, json=body(${client}) | sent), client.patch(url, json=sent)):
        assert wrong_fields(response) == [("body", f"{field}.0")]


% endif
% if changes:
@pytest.mark.parametrize(
    ("field", "before", "after"),
    [
% for field, before, after in changes:
        ("${field}", ${before}, ${after}),
% endfor
    ],
)
def test_a_patch_changes_only_its_fields(
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
def test_a_duplicate_value_is_a_conflict(client: TestClient, field: str) -> None:
    ${name}, other = create(client), create(client)
    again = {field: ${name}[field]}
    url = f"{URL}/{other['id']}"
    for response in (client.post(URL, json=body(${client}) | again), client.patch(url, json=again)):
        assert [error["field"] for error in problem(response, 409)["errors"]] == [field]
    assert client.get(url).json() == other


% endif
% for field in unique:
% if field.nocase:
def test_${field.name}_is_unique_regardless_of_case(client: TestClient) -> None:
    ${name} = create(client, ${field.key}=${one(field)})
    again = {"${field.key}": ${name}["${field.key}"].upper()}
    errors = problem(client.post(URL, json=body(${client}) | again), 409)["errors"]
    assert [error["field"] for error in errors] == ["${field.key}"]
% if field.kind == "email":
    assert found(client, URL, ${field.filter}=again["${field.key}"]) == [${name}["id"]]
% endif
    url = f"{URL}/{${name}['id']}"
    assert client.patch(url, json=again).status_code == 200


% endif
% endfor
% for both in together:
def test_${"_and_".join(field.name for field in both)}_are_unique_together(client: TestClient) -> None:
    ${name}, other = create(client${overrides(both)}), create(client)
    again = {field: ${name}[field] for field in (${", ".join(quoted(field.key) for field in both)})}
    url = f"{URL}/{other['id']}"
    for response in (client.post(URL, json=body(${client}) | again), client.patch(url, json=again)):
        assert [error["field"] for error in problem(response, 409)["errors"]] == [*again]
    assert client.get(url).json() == other
% for field in both:
% if any(can_differ(rest) for rest in both if rest is not field):
    assert create(client, ${field.key}=${name}["${field.key}"])
% endif
% endfor


% endfor
def test_an_unknown_id_is_not_found(client: TestClient) -> None:
    url = f"{URL}/{uuid4()}"
    problem(client.get(url), 404)
    problem(client.patch(url, json={"${fields[0].key}": ${changed(fields[0])}}), 404)
    problem(client.delete(url), 404)


def test_a_deleted_${name}_is_not_found(client: TestClient) -> None:
    url = f"{URL}/{create(client)['id']}"
    assert client.delete(url).status_code == 204
    problem(client.get(url), 404)
    assert found(client, URL) == []


% if private:
PRIVATE = {${", ".join(f'"{field.key}": {another(field)}' for field in private)}}


def test_private_fields_are_in_no_response(client: TestClient) -> None:
    created = create(client)
    url = f"{URL}/{created['id']}"
    changed = client.patch(url, json=PRIVATE)
    assert changed.status_code == 200, changed.text
    read, (listed,) = client.get(url).json(), client.get(URL).json()["items"]
    assert changed.json() == read == listed
    assert PRIVATE.keys().isdisjoint({*created, *read})


% endif
% if owned:
def test_another_users_${name}_is_not_found(client: TestClient) -> None:
    ${name} = create(client)
    url = f"{URL}/{${name}['id']}"
    etag = client.get(url).headers["etag"]
    with as_user(client, "eve"):
        change = {"${fields[0].key}": ${changed(fields[0])}}
        for match in ({}, {"If-Match": etag}, {"If-Match": "*"}):
            problem(client.patch(url, json=change, headers=match), 404)
            problem(client.delete(url, headers=match), 404)
        problem(client.get(url, headers={"If-None-Match": etag}), 404)
        assert found(client, URL) == []
    assert client.get(url).json() == ${name}


def test_a_cursor_of_another_user_finds_only_own_${plural}(client: TestClient) -> None:
    for _ in range(2):
        create(client)
    cursor = client.get(URL, params={"limit": 1}).json()["next_cursor"]
    with as_user(client, "eve"):
        own = create(client)
        assert found(client, URL, cursor=cursor) == [own["id"]]
        assert client.get(URL, params={"total": True}).json()["total"] == 1


def test_clients_cannot_set_the_owner(client: TestClient) -> None:
    url = f"{URL}/{create(client)['id']}"
    owner = {"owner": "eve"}
    assert wrong_fields(client.post(URL, json=body(${client}) | owner)) == [("body", "owner")]
    assert wrong_fields(client.patch(url, json=owner)) == [("body", "owner")]
    assert "owner" not in client.get(url).json()


% if may_be_same:
def test_two_users_may_use_the_same_values(client: TestClient) -> None:
    ${name} = create(client)
    with as_user(client, "eve"):
% for both in may_be_same:
        assert create(client, ${", ".join(f'{field.key}={name}["{field.key}"]' for field in both)})
% endfor


% endif
% if own_references:
@pytest.mark.parametrize("field", [${", ".join(quoted(field.key) for field in own_references)}])
def test_records_of_another_user_cannot_be_referenced(client: TestClient, field: str) -> None:
    ${name} = create(client)
    theirs = {field: ${name}[field]}
    with as_user(client, "eve"):
        url = f"{URL}/{create(client)['id']}"
        for response in (
            client.post(URL, json=body(${client}) | theirs),
            client.patch(url, json=theirs),
        ):
            assert [error["field"] for error in problem(response, 409)["errors"]] == [field]


% endif
% endif
% if found_by:
def test_a_list_can_be_filtered(client: TestClient) -> None:
% if chosen:
    ${name} = create(client, ${", ".join(f"{field.key}={one(field)}" for field in chosen)})
    other = create(client, ${", ".join(f"{field.key}={another(field)}" for field in chosen)})
% else:
    ${name}, other = create(client), create(client)
% endif
    assert found(client, URL) == [${name}["id"], other["id"]]
% for field in found_by:
    assert found(client, URL, ${field.filter}=${name}["${field.key}"]${"[0]" if field.element else ""}) == [${name}["id"]]
% if field.is_one_of_several:
    both = [${name}["${field.key}"], other["${field.key}"]]
    assert found(client, URL, ${field.filter}=both) == [${name}["id"], other["id"]]
% endif
% endfor


% endif
% if ranged:
@pytest.mark.parametrize(
    ("field", "lower", "upper"),
    [
% for field in ranged:
        ("${field.key}", ${", ".join(lower_and_upper(field))}),
% endfor
    ],
)
def test_a_list_can_be_limited_to_a_range(
    client: TestClient, field: str, lower: Any, upper: Any
) -> None:
    first, last = create(client, **{field: lower}), create(client, **{field: upper})
% if all(field.kind in times for field in ranged):
    assert found(client, URL, **{f"{field}_after": lower}) == [last["id"]]
    assert found(client, URL, **{f"{field}_before": upper}) == [first["id"]]
% elif not any(field.kind in times for field in ranged):
    assert found(client, URL, **{f"{field}_min": upper}) == [last["id"]]
    assert found(client, URL, **{f"{field}_max": lower}) == [first["id"]]
% else:
    if field ${among([field.key for field in ranged if field.kind in times])}:
        assert found(client, URL, **{f"{field}_after": lower}) == [last["id"]]
        assert found(client, URL, **{f"{field}_before": upper}) == [first["id"]]
    else:
        assert found(client, URL, **{f"{field}_min": upper}) == [last["id"]]
        assert found(client, URL, **{f"{field}_max": lower}) == [first["id"]]
% endif


% endif
% if empty:
def test_a_contains_filter_never_matches_null(client: TestClient) -> None:
    create(client, ${", ".join(f"{field.key}=None" for field in empty)})
% for field in empty:
    assert found(client, URL, ${field.filter}="") == []
% endfor


% endif
@pytest.mark.parametrize("sort", [${sorts}])
def test_pages_contain_every_${name}_once_and_in_order(client: TestClient, sort: str) -> None:
    created = [create(client) for _ in range(3)]
    key = sort.removeprefix("-")
% if exact:
    created.sort(key=lambda ${name}: Decimal(${name}[key]) if key ${among(exact)} else ${name}[key])
% else:
    created.sort(key=lambda ${name}: ${name}[key])
% endif
    listed: list[str] = []
    query: dict[str, str | int] = {"sort": sort, "limit": 2}
    for _ in range(2):
        page = client.get(URL, params=query).json()
        listed += [${name}["id"] for ${name} in page["items"]]
        query["cursor"] = page["next_cursor"]
    expected = [${name}["id"] for ${name} in created]
    assert listed == (expected[::-1] if sort.startswith("-") else expected)
    assert query["cursor"] is None
% for each in links:


def test_${a_name}_may_have_several_${each.name}(client: TestClient) -> None:
    one, other = (create_${each.to.name}(client)["id"] for _ in range(2))
    ${name} = create(client, ${each.keys}=[other, one])
    url = f"{URL}/{${name}['id']}"
    assert ${name}["${each.keys}"] == sorted([one, other])
    assert client.get(url).json() == ${name}
    assert found(client, URL, ${each.key}=one) == [${name}["id"]]
    changed = client.patch(url, json={"${each.keys}": [other]}).json()
    assert changed == ${name} | {"${each.keys}": [other], "updated_at": changed["updated_at"]}
    assert client.get(url).json() == changed
    assert found(client, URL, ${each.key}=one) == []
    assert client.patch(url, json={"${each.keys}": []}).json()["${each.keys}"] == []


def test_unknown_${each.name}_are_rejected(client: TestClient) -> None:
    ${name} = create(client)
    url = f"{URL}/{${name}['id']}"
    unknown = {"${each.keys}": [*${name}["${each.keys}"], str(uuid4())]}
    for response in (client.post(URL, json=body(client) | unknown), client.patch(url, json=unknown)):
        assert [error["field"] for error in problem(response, 409)["errors"]] == ["${each.keys}"]
    assert found(client, URL) == [${name}["id"]]
    assert client.get(url).json() == ${name}
% if each.to.owned:
    with as_user(client, "eve"):
        theirs = {"${each.keys}": ${name}["${each.keys}"]}
        response = client.post(URL, json=body(client) | theirs)
        assert [error["field"] for error in problem(response, 409)["errors"]] == ["${each.keys}"]
% endif


def test_deleted_${each.name}_are_unlinked(client: TestClient) -> None:
    ${name} = create(client)
    url, (id_, *others) = f"{URL}/{${name}['id']}", ${name}["${each.keys}"]
    before = client.get(url)
    assert client.delete(f"${each.to.url}/{id_}").status_code == 204
    after = client.get(url)
    assert after.json() == ${name} | {"${each.keys}": others}
    assert after.headers["etag"] != before.headers["etag"]
    other = create(client)
    assert client.delete(f"{URL}/{other['id']}").status_code == 204
    assert client.get(f"${each.to.url}/{other['${each.keys}'][0]}").status_code == 200
% endfor
% for rows in lists:
<% argument = "client" if rows.references else "" %>\


def test_${rows.name}_keep_their_order(client: TestClient) -> None:
    ${rows.name} = [${rows.row}(${argument}) for _ in range(2)]
    ${name} = create(client, ${rows.name}=${rows.name})
    assert ${name}["${rows.name}"] == ${rows.name}
    assert client.get(f"{URL}/{${name}['id']}").json() == ${name}
    assert client.get(URL).json()["items"] == [${name}]


def test_a_patch_replaces_all_${rows.name}_or_none(client: TestClient) -> None:
    ${name} = create(client, ${rows.name}=[${rows.row}(${argument})])
    url, ${rows.name} = f"{URL}/{${name}['id']}", [${rows.row}(${argument}), *${name}["${rows.name}"]]
    changed = client.patch(url, json={"${rows.name}": ${rows.name}})
    assert changed.headers["etag"].startswith('"2')
    assert changed.json() == ${name} | {
        "${rows.name}": ${rows.name},
        "updated_at": changed.json()["updated_at"],
    }
    assert client.get(url).json() == changed.json()
% if public:
    again = client.patch(url, json={"${public[0].key}": ${name}["${public[0].key}"]})
    assert again.json()["${rows.name}"] == ${rows.name}
% endif
    assert client.patch(url, json={"${rows.name}": []}).json()["${rows.name}"] == []
    assert client.get(url).json()["${rows.name}"] == []


% if not in_database:
@in_memory
% endif
@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("id", str(UUID(int=1))),
% for field in rows.fields:
% for value in wrong(field):
        ("${field.key}", ${value}),
% endfor
% endfor
    ],
)
def test_an_invalid_value_is_reported_with_its_index_in_${rows.name}(
    client: TestClient, field: str, value: object
) -> None:
    url = f"{URL}/{create(client)['id']}"
    sent = {"${rows.name}": [${rows.row}(${argument}), ${rows.row}(${argument}) | {field: value}]}
    for response in (client.post(URL, json=body(${client}) | sent), client.patch(url, json=sent)):
        assert wrong_fields(response) == [("body", f"${rows.name}.1.{field}")]


def test_at_most_100_${rows.name}_are_accepted(client: TestClient) -> None:
    ${rows.name} = [${rows.row}(${argument})] * 100
    assert create(client, ${rows.name}=${rows.name})["${rows.name}"] == ${rows.name}
    sent = body(${client}) | {"${rows.name}": [*${rows.name}, ${rows.name}[0]]}
    assert wrong_fields(client.post(URL, json=sent)) == [("body", "${rows.name}")]


def test_${rows.name}_are_deleted_with_their_${name}(client: TestClient) -> None:
    ${name} = create(client, ${rows.name}=[${rows.row}(${argument})])
    assert client.delete(f"{URL}/{${name}['id']}").status_code == 204
    assert create(client, ${rows.name}=[])["${rows.name}"] == []
% if rows.references:
    (one,) = ${name}["${rows.name}"]
% endif
% for field, to in rows.references:
    assert client.delete(f"${to.url}/{one['${field.key}']}").status_code == 204
% endfor
% if rows.references:


@pytest.mark.parametrize("field", [${", ".join(quoted(field.key) for field, _ in rows.references)}])
def test_${rows.name}_with_an_unknown_reference_are_rejected(client: TestClient, field: str) -> None:
    ${name} = create(client, ${rows.name}=[${rows.row}(client)])
    url = f"{URL}/{${name}['id']}"
    unknown = {"${rows.name}": [*${name}["${rows.name}"], ${rows.row}(client) | {field: str(uuid4())}]}
    for response in (client.post(URL, json=body(${client}) | unknown), client.patch(url, json=unknown)):
        assert [error["field"] for error in problem(response, 409)["errors"]] == ["${rows.name}"]
    assert client.get(url).json() == ${name}
% if any(to.owned for _, to in rows.references):
    with as_user(client, "eve"):
        theirs = {"${rows.name}": ${name}["${rows.name}"]}
        response = client.post(URL, json=body(${client}) | theirs)
        assert [error["field"] for error in problem(response, 409)["errors"]] == ["${rows.name}"]
% endif
% endif
% for field, to in rows.references:


% if field.on_delete == "CASCADE":
def test_a_row_of_${rows.name}_is_deleted_with_its_${field.name}(client: TestClient) -> None:
    ${name} = create(client, ${rows.name}=[${rows.row}(client), ${rows.row}(client)])
    url, (one, other) = f"{URL}/{${name}['id']}", ${name}["${rows.name}"]
    before = client.get(url)
    assert client.delete(f"${to.url}/{one['${field.key}']}").status_code == 204
    after = client.get(url)
    assert after.json() == ${name} | {"${rows.name}": [other]}
    assert after.headers["etag"] != before.headers["etag"]
% else:
def test_the_${field.name}_of_${rows.name}_cannot_be_deleted(client: TestClient) -> None:
    (one,) = create(client, ${rows.name}=[${rows.row}(client)])["${rows.name}"]
    problem(client.delete(f"${to.url}/{one['${field.key}']}"), 409)
% endif
% endfor
% endfor
% for field in to_itself:


def test_${a_name}_may_have_another_as_its_${field.name}(client: TestClient) -> None:
    ${name} = create(client)
    url = f"{URL}/{${name}['id']}"
    other = create(client, ${field.key}=${name}["id"])
    its_url = f"{URL}/{other['id']}"
    assert found(client, URL, ${field.key}=${name}["id"]) == [other["id"]]
    unknown = {"${field.key}": str(uuid4())}
    for response in (client.post(URL, json=body(${client}) | unknown), client.patch(its_url, json=unknown)):
        assert [error["field"] for error in problem(response, 409)["errors"]] == ["${field.key}"]
% if owned:
    with as_user(client, "eve"):
        theirs = client.post(URL, json=body(${client}) | {"${field.key}": ${name}["id"]})
        assert [error["field"] for error in problem(theirs, 409)["errors"]] == ["${field.key}"]
% endif
    before = client.get(its_url)
    assert before.json() == other
% if field.on_delete == "CASCADE":
    assert client.delete(url).status_code == 204
    problem(client.get(its_url), 404)
% elif field.on_delete == "SET NULL":
    assert client.delete(url).status_code == 204
    after = client.get(its_url)
    assert after.json() == other | {"${field.key}": None}
    assert after.headers["etag"] != before.headers["etag"]
% else:
    problem(client.delete(url), 409)
    assert client.patch(its_url, json={"${field.key}": other["id"]}).status_code == 200
    for each in (its_url, url):
        assert client.delete(each).status_code == 204
% endif
% endfor
% if references:


REFERENCES = [${", ".join(f'("{field.name}", "{to.url}")' for field, to in references)}]


@pytest.mark.parametrize(("name", "url"), REFERENCES)
def test_${a_name}_includes_its_references(client: TestClient, name: str, url: str) -> None:
    ${name}, other = create(client), create(client)
    for one in (${name}, other):
        assert one[name] == client.get(f"{url}/{one[f'{name}_id']}").json()
    listed = client.get(URL).json()["items"]
    assert [one[name] for one in listed] == [${name}[name], other[name]]


@pytest.mark.parametrize(("name", "url"), REFERENCES)
def test_an_unknown_reference_is_a_conflict(client: TestClient, name: str, url: str) -> None:
    ${name} = create(client)
    unknown = {f"{name}_id": str(uuid4())}
    changed = client.patch(f"{URL}/{${name}['id']}", json=unknown)
    for response in (client.post(URL, json=body(${client}) | unknown), changed):
        errors = problem(response, 409)["errors"]
        assert [error["field"] for error in errors] == [f"{name}_id"]
    assert found(client, URL) == [${name}["id"]]


% if of_rule("RESTRICT"):
@pytest.mark.parametrize(("name", "url"), ${parameters("RESTRICT")})
def test_references_of_${a_name}_cannot_be_deleted(client: TestClient, name: str, url: str) -> None:
    ${name} = create(client)
    referred = f"{url}/{${name}[f'{name}_id']}"
    problem(client.delete(referred), 409)
    assert client.delete(f"{URL}/{${name}['id']}").status_code == 204
    assert client.delete(referred).status_code == 204


% endif
% if of_rule("CASCADE"):
@pytest.mark.parametrize(("name", "url"), ${parameters("CASCADE")})
def test_${a_name}_is_deleted_with_its_reference(client: TestClient, name: str, url: str) -> None:
    ${name}, other = create(client), create(client)
    assert client.delete(f"{url}/{${name}[f'{name}_id']}").status_code == 204
    problem(client.get(f"{URL}/{${name}['id']}"), 404)
    assert found(client, URL) == [other["id"]]


% endif
% if of_rule("SET NULL"):
@pytest.mark.parametrize(("name", "url"), ${parameters("SET NULL")})
def test_a_reference_to_a_deleted_record_becomes_null(client: TestClient, name: str, url: str) -> None:
    ${name} = create(client)
    before = client.get(f"{URL}/{${name}['id']}")
    assert client.delete(f"{url}/{${name}[f'{name}_id']}").status_code == 204
    after = client.get(f"{URL}/{${name}['id']}")
    assert after.json() == ${name} | {name: None, f"{name}_id": None}
    assert after.headers["etag"] != before.headers["etag"]


% endif
% if any(field.optional for field, to in references):
def test_a_reference_may_be_null(client: TestClient) -> None:
    ${name} = create(client)
% for field, to in references:
% if field.optional:
    response = client.patch(f"{URL}/{${name}['id']}", json={"${field.key}": None})
    assert (response.json()["${field.key}"], response.json()["${field.name}"]) == (None, None)
% endif
% endfor


% endif
% endif
% if has_page:


% if not in_database:
@in_database
% endif
def test_a_page_takes_a_constant_number_of_statements(client: TestClient) -> None:
    costs = []
    for _ in range(3):
        create(client${"".join(f", {rows.name}=[{rows.row}({'client' if rows.references else ''})]" for rows in lists)})
        with statements() as executed:
            client.get(URL)
        costs.append(len(executed))
    assert costs == costs[:1] * 3
% endif
