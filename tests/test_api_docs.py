"""The API docs in a browser, under their Content-Security-Policy."""

from pathlib import Path

import pytest

from tests.browser import HOST, Tab, chromium, open_tab
from tests.conftest import VARIANTS, Bake, variant_id
from tests.test_services import request, serving

pytestmark = pytest.mark.browser

PRODUCTION = {"APP_ENV": "production", "AUTH": "none", "ALLOWED_HOSTS": f"127.0.0.1,{HOST}"}


@pytest.mark.parametrize("answers", [VARIANTS[0], VARIANTS[-1]], ids=variant_id)
def test_the_docs_pages_work_in_a_browser(
    bake: Bake, tmp_path: Path, answers: dict[str, str]
) -> None:
    chromium()  # fails early if there is none
    service = bake(**answers)
    service.run("make", "install")
    with serving(service, **PRODUCTION) as (url, _):
        served = url.replace("127.0.0.1", HOST)
        operations = {
            (tag, operation["operationId"])
            for path in request(f"{url}/openapi.json")[1]["paths"].values()
            for operation in path.values()
            for tag in operation["tags"]
        }
        assert len(operations) >= 7
        with open_tab(tmp_path / "docs") as tab:
            tab.command("Page.navigate", url=f"{served}/docs")
            swagger_ui_shows(tab, operations)
            swagger_ui_creates_an_item(tab)
            it_loads_everything_from_the_service(tab, served)
        (item,) = request(f"{url}/v1/items")[1]["items"]
        assert item["name"] == "a name"
        with open_tab(tmp_path / "redoc") as tab:
            tab.command("Page.navigate", url=f"{served}/redoc")
            redoc_shows(tab, operations)
            redoc_finds_an_operation(tab)
            it_loads_everything_from_the_service(tab, served)


def swagger_ui_shows(tab: Tab, operations: set[tuple[str, str]]) -> None:
    displayed = tab.value("[...document.querySelectorAll('.opblock')].map(block => block.id)")
    assert {*displayed} == {f"operations-{tag}-{name}" for tag, name in operations}


def swagger_ui_creates_an_item(tab: Tab) -> None:
    block = "#operations-items-create_item"
    tab.click(f"{block} .opblock-summary-control")
    tab.click(f"{block} .try-out__btn")
    tab.click(f"{block} .execute")
    status = f"{block} .live-responses-table tbody .response-col_status"
    assert "201" in tab.value(f"document.querySelector('{status}')?.innerText")


def redoc_shows(tab: Tab, operations: set[tuple[str, str]]) -> None:
    displayed = tab.value(
        "[...document.querySelectorAll('[id*=\"/operation/\"]')].map(part => part.id)"
    )
    assert {*displayed} == {f"tag/{tag}/operation/{name}" for tag, name in operations}


def redoc_finds_an_operation(tab: Tab) -> None:
    """The search runs in a worker, which the policy must allow."""
    tab.value("(found => found && [found.focus()])(document.querySelector('[role=search] input'))")
    tab.command("Input.insertText", text="create")
    assert "Create Item" in tab.value(
        "document.querySelector('[data-role=\"search:results\"]')?.innerText"
    )


def it_loads_everything_from_the_service(tab: Tab, served: str) -> None:
    assert tab.console() == []
    allowed = (f"{served}/", f"blob:{served}/", "data:")
    requests = tab.requests()
    assert len(requests) >= 4
    assert [url for url in requests if not url.startswith(allowed)] == []
