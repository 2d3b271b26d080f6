import re
from collections import Counter
from collections.abc import Iterator
from threading import Thread

import httpx2
import pytest
import uvicorn

from app.main import create_app
from tests.conftest import settings_for
from tests.database import UNREACHABLE_URL
from tests.fakes.store import InMemoryStore
from tests.ports import free_port
from tools import bench

ROW = re.compile(r"\| [a-z0-9 ]+ \| \d+ \| [\d,]+( \*)? \| [\d.,]+ \| [\d.,]+ \| 0 \|")


@pytest.fixture
def url() -> Iterator[str]:
    """Runs a server with an in-memory store."""
    port = free_port()
    settings = settings_for(UNREACHABLE_URL).model_copy(update={"allowed_hosts": ("127.0.0.1",)})
    app = create_app(settings, InMemoryStore())
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_config=None))
    thread = Thread(target=server.run)
    thread.start()
    while not server.started:
        assert thread.is_alive()
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join()


def test_bench_prints_a_table_and_leaves_no_rows(
    url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    bench.main(["--url", url, "--connections", "1", "2", "--seconds", "0.05"])
    title, _, columns, _, *rows = capsys.readouterr().out.splitlines()
    assert title.startswith(url)
    assert columns == "| operation | connections | requests/s | p50, ms | p99, ms | errors |"
    assert [row for row in rows[:8] if not ROW.fullmatch(row)] == []
    assert httpx2.get(f"{url}/v1/items").json()["items"] == []


def test_bench_rejects_remote_hosts_by_default() -> None:
    with pytest.raises(SystemExit, match="yes=1"):
        bench.main(["--url", "http://items.example.com"])


@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.1:99999", "http://[::1", "http://", "127.0.0.1:8000", "https://127.0.0.1"],
)
def test_bench_rejects_an_invalid_url(url: str) -> None:
    with pytest.raises(SystemExit, match="is not an http:// URL"):
        bench.main(["--url", url])


def test_bench_reports_a_refused_connection() -> None:
    with pytest.raises(SystemExit, match="Cannot connect to"):
        bench.main(["--url", f"http://127.0.0.1:{free_port()}"])


def test_bench_reports_a_missing_token(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    unauthorized = bench.Measurement(outcomes=Counter({401: 1}))
    monkeypatch.setattr(bench.Client, "send", lambda *_: unauthorized)
    with pytest.raises(SystemExit, match="BENCH_TOKEN"):
        bench.main(["--url", url])
