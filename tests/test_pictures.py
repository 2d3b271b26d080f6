"""The README's pictures, as `make pictures` wrote them."""

import json
import re
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import fromstring

import pytest

from tests import board
from tests.conftest import ROOT, Bake
from tests.pictures import IMAGES

PICTURES = sorted(IMAGES.iterdir())
MOST_BYTES = 150_000
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def panels(rendered: Bake) -> list[Any]:
    read: list[Any] = json.loads(rendered().read("grafana.json"))["panels"]
    return read


def titles(svg: str) -> list[str | None]:
    found = fromstring(svg).findall(f".//{SVG}text[@class='title']")  # noqa: S314 - our own
    return [title.text for title in found]


def test_the_readme_shows_every_picture() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert sorted(re.findall(r"docs/images/([\w.-]+)", text)) == [one.name for one in PICTURES]


@pytest.mark.parametrize("picture", PICTURES, ids=lambda picture: picture.name)
def test_every_picture_is_small(picture: Path) -> None:
    assert picture.stat().st_size <= MOST_BYTES


def test_the_picture_of_the_board_shows_its_panels(panels: list[Any]) -> None:
    svg = (IMAGES / "board.svg").read_text(encoding="utf-8")
    assert titles(svg) == [panel["title"] for panel in panels], "make pictures"


def test_every_panel_is_drawn(panels: list[Any]) -> None:
    lines: list[board.Series] = [("low", [(0, 0), (60, 0.02)]), ("high", [(0, 3), (60, 250)])]
    svg = "".join(board.drawn(panels, [lines] * len(panels), {"start": 0, "end": 60}))
    assert titles(svg) == [panel["title"] for panel in panels]
    assert svg.count("<path") == 2 * len(panels)
    assert svg.index(">high<") < svg.index(">low<")


def test_a_panel_without_data_and_one_that_stays_zero_are_drawn(panels: list[Any]) -> None:
    zero: list[board.Series] = [("5xx", [(0, 0), (60, 0)])]
    svg = "".join(board.drawn(panels[:2], [[], zero], {"start": 0, "end": 60}))
    assert titles(svg) == ["Requests", "Errors"]
    assert ">0 %<" in svg
    assert ">1 %<" in svg
