"""Writes what compare.py measured to docs/benchmarks.md and docs/benchmarks.svg."""

import math
import os
import platform
import re
import statistics
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from results import NAMES, TITLES, Comparison, Ratio

TEXT = Path(__file__).with_suffix(".md")

STALLED = """\
- **The naive sync app deadlocks** where the table says *naive stalls*. Forty threads
  accept requests, the pool has fifteen connections: soon each thread waits for a connection, and
  none is left to finish the requests that hold one, until they fail with 500 after 30 seconds.
"""


def write(results: list[Comparison], options: dict[str, int], folder: Path) -> None:
    text = TEXT.read_text(encoding="utf-8").format(
        date=f"{datetime.now(UTC):%Y-%m-%d}",
        machine=machine(),
        versions=versions(results),
        requests="\n".join(requests(results)),
        notes="".join(notes(results)),
        memory="\n".join(memory(results)),
        **options,
    )
    (folder / "benchmarks.md").write_text(text, encoding="utf-8")
    (folder / "benchmarks.svg").write_text("\n".join(plot(results)) + "\n", encoding="utf-8")


def machine() -> str:
    information = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    model = re.search(r"^model name\s*: (.+)$", information, re.MULTILINE)
    pages = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    is_virtual = re.search(r"^flags\s*:.*\bhypervisor\b", information, re.MULTILINE)
    kind = "a virtual machine" if is_virtual else "a machine"
    system = platform.freedesktop_os_release()["PRETTY_NAME"]
    return (
        f"{kind} with {os.cpu_count()} cores ({model[1] if model else platform.machine()}) "
        f"and {pages / 2**30:.0f} GB, {system}"
    )


def versions(results: list[Comparison]) -> str:
    found = {name: version for result in results for name, version in result.versions.items()}
    return ", ".join(f"{name} {version}" for name, version in found.items())


def requests(results: list[Comparison]) -> Iterator[str]:
    yield "| variant | operation | connections | rate ÷ naive | p99 ÷ naive | rate ÷ limit |"
    yield "|---|---|---|---|---|---|"
    for result in results:
        for operation, connections in result.loads:
            case = (operation, connections)
            cells = (
                TITLES[result.service.variant],
                NAMES[operation],
                connections,
                formatted(result.ratio(case, "naive", "rate")),
                formatted(result.ratio(case, "naive", "p99")),
                formatted(result.ratio(case, "limit", "rate")),
            )
            yield f"| {' | '.join(map(str, cells))} |"


def formatted(ratio: Ratio | None) -> str:
    if ratio is None:
        return ""
    return str(ratio) if ratio.is_finite else "naive stalls"


def notes(results: list[Comparison]) -> Iterator[str]:
    """Lists failed requests and stalls, if there were any."""
    ratios = [result.ratio(case, "naive", "rate") for result in results for case in result.loads]
    is_stalled = any(ratio and not ratio.is_finite for ratio in ratios)
    failed = [
        f"- {TITLES[result.service.variant]}, {NAMES[operation]} with {connections} connections: "
        f"{sum(load.failed for load in loads)} responses of the {app} app were not 2xx.\n"
        for result in results
        for (operation, connections), apps in result.loads.items()
        for app, loads in apps.items()
        if any(load.failed for load in loads)
    ]
    if is_stalled or failed:
        yield "Exceptions:\n\n"
        yield STALLED if is_stalled else ""
        yield from failed
        yield "\n"


def memory(results: list[Comparison]) -> Iterator[str]:
    yield "| variant | app | memory, MB | private, MB | ÷ naive | startup, s |"
    yield "|---|---|---|---|---|---|"
    for result in results:
        resident = {
            app: statistics.median(one.resident for one in values)
            for app, values in result.memory.items()
        }
        for app, values in result.memory.items():
            private = statistics.median(one.private for one in values)
            start = statistics.median(result.starts[app])
            part = f"{resident[app] / resident['naive']:.2f}" if "naive" in resident else ""
            cells = (TITLES[result.service.variant], app, f"{resident[app]:.0f}", f"{private:.0f}")
            yield f"| {' | '.join(cells)} | {part} | {start:.1f} |"


# The plot: one panel for each variant, one row in it for each operation and number of connections.
STYLE = """
text { font: 13px system-ui, sans-serif; fill: #24292f }
.title { font-weight: 600; font-size: 15px }
.faint { fill: #656d76 }
.grid { stroke: #d0d7de }
.one { stroke: #656d76; stroke-width: 1.5 }
.range { stroke: #24292f; stroke-width: 1.5 }
.bar { fill: #2f81f7 }
.slower { fill: #d9822b }
.limit { fill: none; stroke: #656d76; stroke-width: 1.5 }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 }
  .faint { fill: #9198a1 }
  .grid { stroke: #3d444d }
  .one, .limit { stroke: #9198a1 }
  .range { stroke: #e6edf3 }
}
"""
LABELS, SCALE, ROW, TOP = 120, 320, 24, 40
PANEL = LABELS + SCALE + 40


def plot(results: list[Comparison]) -> Iterator[str]:
    rows = max(len(result.loads) for result in results)
    height = TOP + rows * ROW + 40
    lines = math.ceil(len(results) / 2)
    bounds = [end for result in results for end in bounds_of(result)]
    low = min(math.floor(math.log2(min(bounds, default=1))), -1)
    high = max(math.ceil(math.log2(max(bounds, default=1))), 1)
    width, total = PANEL * min(len(results), 2), height * lines + 30
    yield f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {total}" role="img">'
    yield "<title>Requests a second of the service, divided by those of the naive app</title>"
    yield f"<style>{STYLE}</style>"
    for number, result in enumerate(results):
        yield f'<g transform="translate({number % 2 * PANEL} {number // 2 * height})">'
        yield from panel(result, low, high)
        yield "</g>"
    yield (
        f'<text class="faint" x="10" y="{total - 10}">Requests a second ÷ those of the naive app: '
        "bar: the service, median; line: its range; circle: the limit</text>"
    )
    yield "</svg>"


def bounds_of(result: Comparison) -> Iterator[float]:
    for case in result.loads:
        for ratio in (result.ratio(case, "naive", "rate"), result.limit_ratio(case)):
            if ratio and ratio.is_finite:
                yield from (ratio.least, ratio.most)


def panel(result: Comparison, low: int, high: int) -> Iterator[str]:
    def x(ratio: float) -> float:
        return round(LABELS + SCALE * (math.log2(ratio) - low) / (high - low), 1)

    bottom = TOP + len(result.loads) * ROW
    yield f'<text class="title" x="10" y="22">{TITLES[result.service.variant]}</text>'
    for power in range(low, high + 1):
        position = x(2**power)
        kind = "grid" if power else "one"
        yield f'<line class="{kind}" x1="{position}" x2="{position}" y1="{TOP - 6}" y2="{bottom}"/>'
        label = f"{2**power:g}" if power >= 0 else f"1/{2**-power}"
        at = f'x="{position}" y="{bottom + 17}" text-anchor="middle"'
        yield f'<text class="faint" {at}>{label}</text>'
    for number, case in enumerate(result.loads):
        top = TOP + number * ROW
        middle = top + ROW / 2 - 3
        yield f'<text x="10" y="{middle + 5}">{NAMES[case[0]]}, {case[1]}</text>'
        ratio, limit = result.ratio(case, "naive", "rate"), result.limit_ratio(case)
        if ratio is None:
            continue
        if not ratio.is_finite:
            yield f'<text class="faint" x="{x(1) + 6}" y="{middle + 5}">the naive app stalls</text>'
            continue
        left, right = sorted((x(1), x(ratio.median)))
        kind = "bar" if ratio.median >= 1 else "bar slower"
        yield (
            f'<rect class="{kind}" x="{left}" y="{middle - 7}" '
            f'width="{round(right - left, 1)}" height="14"/>'
        )
        yield (
            f'<line class="range" x1="{x(ratio.least)}" x2="{x(ratio.most)}" '
            f'y1="{middle}" y2="{middle}"/>'
        )
        if limit and limit.is_finite:
            yield f'<circle class="limit" cx="{x(limit.median)}" cy="{middle}" r="5"/>'
