"""Measurements of compare.py, and their ratios."""

import statistics
from collections import defaultdict
from dataclasses import dataclass, field
from math import isfinite

from harness import Load, Service

TITLES = {
    "sqlite-async": "SQLite async",
    "sqlite-sync": "SQLite sync",
    "postgres-async": "Postgres async",
    "postgres-sync": "Postgres sync",
}
NAMES = {"get": "get by id", "list": "list of 50", "create": "create", "patch": "patch"}

Case = tuple[str, int]  # an operation, and the number of connections


@dataclass(frozen=True)
class Memory:
    """Memory of an idle worker after its first responses, in MB."""

    resident: float
    private: float


@dataclass(frozen=True)
class Ratio:
    """The median of the ratios of all rounds, and their range."""

    median: float
    least: float
    most: float

    @classmethod
    def of(cls, numerators: list[float], denominators: list[float]) -> "Ratio":
        pairs = zip(numerators, denominators, strict=True)
        ratios = [above / below if below else float("inf") for above, below in pairs]
        return cls(statistics.median(ratios), min(ratios), max(ratios))

    @property
    def is_finite(self) -> bool:
        """Infinite if the other app stalled."""
        return isfinite(self.most) and self.least > 0

    def __str__(self) -> str:
        return f"{self.median:.2f} ({self.least:.2f} to {self.most:.2f})"


@dataclass
class Comparison:
    """The measurements of one variant: a value per app and round."""

    service: Service
    versions: dict[str, str] = field(default_factory=dict)
    loads: dict[Case, dict[str, list[Load]]] = field(
        default_factory=lambda: defaultdict(lambda: defaultdict(list))
    )
    starts: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    memory: dict[str, list[Memory]] = field(default_factory=lambda: defaultdict(list))

    def ratio(self, case: Case, other: str, measure: str) -> Ratio | None:
        """Returns the ratio of the service to another app, by `rate`, `p50` or `p99`."""
        return self._ratio(case, "service", other, measure)

    def limit_ratio(self, case: Case) -> Ratio | None:
        """Returns the ratio of the limit to the naive app."""
        return self._ratio(case, "limit", "naive", "rate")

    def median(self, case: Case, app: str, measure: str) -> float:
        loads = self.loads[case].get(app, [])
        return statistics.median(getattr(load, measure) for load in loads) if loads else 0

    def _ratio(self, case: Case, app: str, other: str, measure: str) -> Ratio | None:
        numerators, denominators = (
            [float(getattr(load, measure)) for load in self.loads[case].get(name, [])]
            for name in (app, other)
        )
        return Ratio.of(numerators, denominators) if numerators and denominators else None
