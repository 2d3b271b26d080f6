from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.responses import FileResponse, StreamingResponse
from fastapi.testclient import TestClient

from app.api.dependencies import SnapshotDep
from app.settings import Settings
from tests.api.client import URL
from tests.conftest import application
from tests.widgets import create_app


@pytest.fixture
def client(settings: Settings) -> Iterator[TestClient]:
    """A client of a service with one connection."""
    limits = {"database_pool_size": 1, "database_pool_timeout": 0.05}
    with TestClient(create_app(settings.model_copy(update=limits))) as client:
        yield client


def test_a_stream_holds_its_connection_until_it_ends(client: TestClient) -> None:
    @application(client).get("/stream")
    def stream(_: SnapshotDep) -> StreamingResponse:
        return StreamingResponse(str(client.get(path).status_code) for path in (URL, "/stream"))

    assert client.get("/stream").text == "503503"
    assert client.get(URL).status_code == 200


def test_a_download_can_be_resumed(client: TestClient, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"0123456789")

    @application(client).get("/download")
    def download() -> FileResponse:
        return FileResponse(file)

    response = client.get("/download", headers={"Range": "bytes=4-"})
    assert (response.status_code, response.content) == (206, b"456789")
    assert response.headers["content-range"] == "bytes 4-9/10"
