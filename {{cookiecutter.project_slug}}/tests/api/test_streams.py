from collections.abc import Iterator

import pytest
from fastapi.responses import StreamingResponse
from fastapi.testclient import TestClient

from app.api.dependencies import SnapshotDep
from app.settings import Settings
from tests.api.client import URL
from tests.conftest import application
from tests.widgets import create_app


@pytest.fixture
def client(settings: Settings) -> Iterator[TestClient]:
    """On one connection."""
    limits = {"database_pool_size": 1, "database_pool_timeout": 0.05}
    with TestClient(create_app(settings.model_copy(update=limits))) as client:
        yield client


def test_a_stream_has_its_connection_until_it_ends(client: TestClient) -> None:
    @application(client).get("/stream")
    def stream(_: SnapshotDep) -> StreamingResponse:
        return StreamingResponse(str(client.get(path).status_code) for path in (URL, "/stream"))

    assert client.get("/stream").text == "503503"
    assert client.get(URL).status_code == 200
