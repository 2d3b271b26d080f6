"""The documentation pages load nothing from other hosts, and run only their own scripts."""

import json
import re
from base64 import b64encode
from hashlib import sha256

import pytest
from fastapi.testclient import TestClient

from app.api.paths import REDOC_URL
from app.main import create_app
from tests.api.client import in_memory
from tests.conftest import settings_for
from tests.database import UNREACHABLE_URL
from tests.openapi import COMMITTED, document, settings


@in_memory
@pytest.mark.parametrize("path", ["/docs", "/redoc"])
def test_pages_load_assets_from_this_service_only(client: TestClient, path: str) -> None:
    page = client.get(path).text
    addresses = re.findall(r'(?:src|href|spec-url)="([^"]+)"', page)
    assert len(addresses) >= 3
    for address in addresses:
        assert address.startswith("/"), address
        assert client.get(address).status_code == 200


@in_memory
def test_redoc_loads_no_external_logo(client: TestClient) -> None:
    assert "cdn.redoc.ly" not in client.get(REDOC_URL).text


@in_memory
@pytest.mark.parametrize("path", ["/docs", "/redoc"])
def test_pages_allow_only_their_own_scripts(client: TestClient, path: str) -> None:
    response = client.get(path)
    policy = response.headers["content-security-policy"]
    scripts = re.findall("<script>(.*?)</script>", response.text, re.DOTALL)
    hashes = [f"'sha256-{b64encode(sha256(s.encode()).digest()).decode()}'" for s in scripts]
    allowed = re.search("script-src 'self' ?(.*?);", policy)
    assert allowed
    assert allowed[1].split() == hashes


def test_the_docs_can_be_disabled() -> None:
    settings = settings_for(UNREACHABLE_URL).model_copy(update={"docs": False})
    with TestClient(create_app(settings)) as client:
        for path in ("/docs", "/redoc", "/openapi.json", "/docs/assets/swagger-ui.css", REDOC_URL):
            assert client.get(path).status_code == 404


def test_the_committed_openapi_document_is_up_to_date() -> None:
    with TestClient(create_app(settings())) as client:
        assert client.get("/openapi.json").json() == document()
    committed = json.loads(COMMITTED.read_text(encoding="utf-8"))
    assert committed == document(), "openapi.json is out of date: make openapi"
