"""The Grafana dashboard: grafana.json queries only metrics that `/metrics` exports."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from prometheus_client.parser import text_string_to_metric_families

from tests.conftest import settings_for
from tests.database import UNREACHABLE_URL
from tests.widgets import create_app

DASHBOARD = json.loads((Path(__file__).parent.parent / "grafana.json").read_text(encoding="utf-8"))
TARGETS = [target for panel in DASHBOARD["panels"] for target in panel["targets"]]
# Prometheus adds these labels to every sample.
TARGET_LABELS = {"job", "instance"}
# Exported on Linux only, but the tests run on other systems too.
LINUX_ONLY = {"process_resident_memory_bytes", "process_cpu_seconds_total"}
FUNCTIONS = {"histogram_quantile", "label_values", "or", "rate", "sum", "vector"}

Labels = dict[str, set[str]]


@pytest.fixture(scope="module")
def labels() -> Labels:
    """The labels of each metric, by name."""
    with TestClient(create_app(settings_for(UNREACHABLE_URL))) as client:
        client.get("/livez")
        metrics = client.get("/metrics").text
    known: Labels = {name: set() for name in LINUX_ONLY}
    for family in text_string_to_metric_families(metrics):
        for sample in family.samples:
            known.setdefault(sample.name, set()).update(sample.labels)
    return known


def unknown(expression: str, labels: Labels) -> Iterator[str]:
    """Yields the names in a PromQL or variable query that are no known metric or label."""
    bare = re.sub(r'"[^"]*"|\[[^]]*\]', "", expression)
    grouped = re.findall(r"\bby \(([^)]*)\)", bare) + re.findall(r"^label_values.*, (\w+)\)", bare)
    matched = re.findall(r"\w+(?=[=!])", bare)
    rest = re.sub(r"{[^}]*}|\bby \([^)]*\)|, \w+\)$", "", bare)
    metrics = {name for name in re.findall(r"[a-z_]\w*", rest) if name not in FUNCTIONS}
    yield from metrics - labels.keys()
    used = {*matched, *", ".join(grouped).split(", ")} - {""}
    yield from used - TARGET_LABELS.union(*(labels.get(name, ()) for name in metrics))


def test_the_dashboard_queries_only_exported_metrics(labels: Labels) -> None:
    variables = [one["query"] for one in DASHBOARD["templating"]["list"] if one["type"] == "query"]
    for expression in [*variables, *(target["expr"] for target in TARGETS)]:
        assert list(unknown(expression, labels)) == [], expression


@pytest.mark.parametrize(
    ("expression", "name"),
    [
        ("sum(rate(http_requests_total[5m]))", "http_requests_total"),
        ("http_server_active_requests + http_requests", "http_requests"),
        ('http_server_active_requests{job="a", path!="/"}', "path"),
        ("sum by (le, path) (db_client_connection_wait_time_seconds_bucket)", "path"),
        ("sum by (le) (db_client_connection_wait_time_seconds_count)", "le"),
        ("label_values(http_server_active_requests, path)", "path"),
    ],
)
def test_unknown_metrics_and_labels_are_detected(
    expression: str, name: str, labels: Labels
) -> None:
    assert list(unknown(expression, labels)) == [name]


def test_legends_use_only_labels_of_their_query() -> None:
    for target in TARGETS:
        named = set(re.findall(r"{(\w+)}", target["legendFormat"]))
        grouped = re.findall(r"by \(([^)]*)\)", target["expr"])
        assert named <= TARGET_LABELS.union(*(group.split(", ") for group in grouped)), target
