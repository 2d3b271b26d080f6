"""Draws the panels of a service's grafana.json from what Prometheus scrapes under load."""

import json
import math
import re
import time
from collections.abc import Iterator
from contextlib import suppress
from html import escape
from itertools import count, cycle, pairwise
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.parse import urlencode

from tests.browser import wait_for
from tests.conftest import Service, start_process
from tests.test_fleet import free_ports
from tests.test_services import request

SERVICE = ("uv", "run", "--no-sync", "python", "-m", "app")
BENCH = ("uv", "run", "--no-sync", "python", "-m", "tools.bench")
LOAD = ("--connections", "4", "32", "--seconds", "20")
INTERVAL = 2  # seconds between two scrapes
JOB = "my-service"
CONFIG = """
scrape_configs:
- job_name: {job}
  scrape_interval: {interval}s
  static_configs:
  - targets: ["{target}"]
"""
WIDTH, HEIGHT = 500, 160  # of a panel and the gap after it
LEFT, RIGHT, TOP, BOTTOM = 60, 320, 36, 124  # edges of the plot in a panel
UNITS = {  # factor and suffix
    "bytes": (1e-6, " MB"),
    "percentunit": (100, " %"),
    "reqps": (1, "/s"),
    "s": (1000, " ms"),
    "short": (1, ""),
}
COLORS = ("#5a4", "#da0", "#37d", "#e34", "#a5c", "#f71", "#1aa", "#864", "#789")
STYLE = """
rect { fill: #fff; stroke: #d0d7de }
line { stroke: #d0d7de }
path { fill: none; stroke-width: 1.5; stroke-linejoin: round }
text { font: 11px system-ui, sans-serif; fill: #57606a }
.title { font-size: 13px; font-weight: 600; fill: #24292f }
"""

Series = tuple[str, list[tuple[float, float]]]  # legend, times and values
Span = dict[str, float]


def record(service: Service, folder: Path) -> str:
    """Returns an SVG of the panels while the service's benchmark runs."""
    ports = free_ports(2)
    url, prometheus = (f"http://127.0.0.1:{port}" for port in ports)
    config = folder / "prometheus.yml"
    text = CONFIG.format(job=JOB, interval=INTERVAL, target=url.removeprefix("http://"))
    config.write_text(text, encoding="utf-8")
    options = f"--config.file={config}", f"--storage.tsdb.path={folder / 'scraped'}"
    listen = f"--web.listen-address=127.0.0.1:{ports[1]}"
    # Nothing reads their output, so there must be little.
    quiet = {"PORT": str(ports[0]), "LOG_LEVEL": "error"}
    with (
        service.throwaway("database") as database,
        start_process(*SERVICE, folder=service.path, DATABASE_URL=database, **quiet),
        start_process("prometheus", *options, listen, "--log.level=error", folder=folder),
    ):
        span = {"start": time.time(), "step": INTERVAL}
        wait_for(lambda: is_up(url))
        service.run(*BENCH, *LOAD, "--url", url)
        span["end"] = time.time()
        panels = json.loads(service.read("grafana.json"))["panels"]
        results = [
            [line for target in panel["targets"] for line in queried(target, prometheus, span)]
            for panel in panels
        ]
    return "\n".join(drawn(panels, results, span)) + "\n"


def is_up(url: str) -> bool:
    with suppress(URLError):
        return request(f"{url}/readyz")[0] == 200
    return False


def queried(target: dict[str, str], prometheus: str, span: Span) -> Iterator[Series]:
    # Grafana's interval for rates is four scrapes.
    values = {"$job": JOB, "$instance": ".*", "$__rate_interval": f"{4 * INTERVAL}s"}
    query = re.sub(r"\$\w+", lambda name: values[name[0]], target["expr"])
    parameters = urlencode({"query": query, **span})
    status, answer = request(f"{prometheus}/api/v1/query_range?{parameters}")
    assert status == 200, answer
    for one in answer["data"]["result"]:
        legend = target["legendFormat"]
        for name, value in one["metric"].items():
            legend = legend.replace("{{" + name + "}}", value)
        points = [(time, float(value)) for time, value in one["values"] if value != "NaN"]
        if points:
            yield legend, points


def drawn(panels: list[Any], results: list[list[Series]], span: Span) -> Iterator[str]:
    height = max(panel["gridPos"]["y"] // 8 + 1 for panel in panels) * HEIGHT
    yield f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {2 * WIDTH} {height}" role="img">'
    yield f"<style>{STYLE}</style>"
    for panel, lines in zip(panels, results, strict=True):
        x, y = panel["gridPos"]["x"] * WIDTH // 12, panel["gridPos"]["y"] * HEIGHT // 8
        yield f'<g transform="translate({x} {y})">'
        yield f'<rect x="1" y="1" width="{WIDTH - 8}" height="{HEIGHT - 8}" rx="3"/>'
        yield f'<text class="title" x="12" y="20">{escape(panel["title"])}</text>'
        yield from plotted(lines, *UNITS[panel["fieldConfig"]["defaults"]["unit"]], span)
        yield "</g>"
    yield "</svg>"


def plotted(lines: list[Series], factor: float, suffix: str, span: Span) -> Iterator[str]:
    def x(time: float) -> float:
        return LEFT + (time - span["start"]) / (span["end"] - span["start"]) * (RIGHT - LEFT)

    def y(value: float) -> float:
        return BOTTOM - value / (ticks * step) * (BOTTOM - TOP)

    def peak(line: Series) -> float:
        return max(value * factor for _, value in line[1])

    lines = sorted(lines, key=peak, reverse=True)
    highest = max(map(peak, lines), default=0) or 1
    step = next(step for step in steps() if step * 4 >= highest)
    ticks = math.ceil(highest / step)
    for tick in (number * step for number in range(ticks + 1)):
        yield f'<line x1="{LEFT}" x2="{RIGHT}" y1="{y(tick):.1f}" y2="{y(tick):.1f}"/>'
        at = f'x="{LEFT - 6}" y="{y(tick) + 4:.1f}" text-anchor="end"'
        yield f"<text {at}>{tick:g}{suffix}</text>"
    for minute in range(int((span["end"] - span["start"]) / 60) + 1):
        at = f'x="{x(span["start"] + 60 * minute):.1f}" y="{BOTTOM + 17}" text-anchor="middle"'
        yield f"<text {at}>{minute} min</text>"
    for number, (legend, points), color in zip(count(), lines, cycle(COLORS), strict=False):
        path = " ".join(
            f"{'L' if time - before < 2 * INTERVAL else 'M'}{x(time):.1f},{y(value * factor):.1f}"
            for (before, _), (time, value) in pairwise([(-math.inf, 0), *points])
        )
        yield f'<path stroke="{color}" d="{path}"/>'
        if number < len(COLORS):
            at = f'x="{RIGHT + 12}" y="{TOP + 12 * number}" style="fill: {color}"'
            yield f"<text {at}>{escape(legend)}</text>"


def steps() -> Iterator[float]:
    """Yields 0.01, 0.02, 0.05, 0.1, 0.2..."""
    for power in count(-2):
        yield from (digit * 10.0**power for digit in (1, 2, 5))
