from typing import Any

import pytest
from fastapi.testclient import TestClient

from tests.conftest import settings_for
from tests.database import UNREACHABLE_URL
from tests.widgets import create_app

METHODS = {"get", "post", "patch", "delete"}


def references(node: object) -> set[str]:
    if isinstance(node, dict):
        here = {node["$ref"]} if "$ref" in node else set()
        return here.union(*(references(child) for child in node.values()))
    if isinstance(node, list):
        return set().union(*(references(child) for child in node))
    return set()


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    with TestClient(create_app(settings_for(UNREACHABLE_URL))) as client:
        client.get("/openapi.json")
        again: dict[str, Any] = client.get("/openapi.json").json()
        return again


def test_every_referenced_schema_exists(document: dict[str, Any]) -> None:
    known = {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}
    assert references(document) <= known
    assert "#/components/schemas/Problem" in references(document)


def test_errors_are_documented_as_problems(document: dict[str, Any]) -> None:
    for path in document["paths"].values():
        for operation in (path[method] for method in METHODS & path.keys()):
            errors = {s: r for s, r in operation["responses"].items() if s >= "400"}
            assert all(list(r["content"]) == ["application/problem+json"] for r in errors.values())


def test_operation_ids_are_unique(document: dict[str, Any]) -> None:
    operations: dict[str, list[str]] = {}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            found = operations.setdefault(operation["operationId"], [])
            found.append(f"{method.upper()} {path}")
    for name, found in operations.items():
        assert len(found) == 1, (
            f"{', '.join(found)} share the operation id {name}, the name of their function: rename "
            "a function, or decorate one for each method with an operation_id= of its own"
        )


def test_widgets_match_their_documented_schema(
    document: dict[str, Any], client: TestClient
) -> None:
    widget = client.post("/v1/widgets", json={"name": "bolt"}).json()
    schema = document["components"]["schemas"]["Widget"]
    assert set(widget) == set(schema["properties"]) == set(schema["required"])


def test_response_headers_match_their_documentation(
    document: dict[str, Any], client: TestClient
) -> None:
    def documented(path: str, method: str, status: int) -> set[str]:
        return {*document["paths"][path][method]["responses"][f"{status}"]["headers"]}

    one = "/v1/widgets/{widget_id}"
    created = client.post("/v1/widgets", json={"name": "bolt"})
    url, known = created.headers["location"], {"If-None-Match": created.headers["etag"]}
    assert documented("/v1/widgets", "post", 201) == {"ETag", "Location"}
    for response in (client.get(url), client.get(url, headers=known)):
        assert documented(one, "get", response.status_code) == {"ETag"}
        assert response.headers["etag"]
    assert documented(one, "patch", 200) == {"ETag"}
    for status in (429, 503):
        assert documented(one, "delete", status) == {"Retry-After"}


def test_problems_match_their_documented_schema(
    document: dict[str, Any], client: TestClient
) -> None:
    problem = client.get("/v1/widgets/none").json()
    schema = document["components"]["schemas"]["Problem"]
    assert set(problem) == set(schema["properties"]) == set(schema["required"])


def test_the_docs_are_served(client: TestClient) -> None:
    assert client.get("/docs").status_code == 200
