"""Jobs: the files and lines that `make jobs` writes."""

from pathlib import Path

from tools.parts import Part
from tools.resource.register import ARGUMENTS, FAKES, FIELDS, IMPORTS, Line

SETTINGS = """
    # Jobs that a worker runs concurrently, and seconds until the jobs of a dead worker run again.
    jobs_concurrency: PositiveInt = 4
    jobs_lease: float = Field(60, ge=2, le=3600)
    # The port of a worker's metrics.
    jobs_metrics_port: int | None = Field(None, ge=1, le=65535)
"""
ROWS = """\
| `JOBS_CONCURRENCY` | 4 | jobs that a worker runs concurrently; `DATABASE_POOL_SIZE` must be greater |
| `JOBS_LEASE` | 60 | seconds after which the jobs of a dead worker run again |
| `JOBS_METRICS_PORT` | none | port on `HOST` where a worker serves its metrics |
"""
EXAMPLE = "# JOBS_CONCURRENCY=4\n# JOBS_LEASE=60\n# JOBS_METRICS_PORT=\n"
COMMANDS = """\
| `make worker` | runs the jobs; see [jobs.md](jobs.md) | `uv run python -m app.worker` |
| `make queue` | lists the jobs that have not finished | `uv run python -m tools.queue` |
"""
TARGETS = """
worker:  ## Run the jobs: docs/jobs.md
	uv run python -m app.worker

queue:  ## List the jobs that have not finished
	@uv run python -m tools.queue
"""
CONTAINER = """\
  worker:
    <<: *service
    command: [python, -m, app.worker]
    restart: unless-stopped
    # SHUTDOWN_TIMEOUT and a margin.
    stop_grace_period: 20s
    # The health check of the image requests the service's probe.
    healthcheck:
      disable: true
    depends_on:
      migrate:
        condition: service_completed_successfully

"""
LINES: dict[str, list[Line]] = {
    "app/settings.py": [(SETTINGS, r"^    metrics: .*\n")],
    "app/db/tables/__init__.py": [
        ('"JobTable", "ScheduleTable", ', r"^__all__ = \[\s*"),
        ("from app.db.tables.jobs import JobTable, ScheduleTable\n", IMPORTS),
    ],
    "app/repositories/store.py": [
        ("from app.repositories.jobs import JobRepository\n", IMPORTS),
        ("    jobs: JobRepository\n", FIELDS),
    ],
    "app/db/session.py": [
        ("from app.db.sql.jobs import SqlJobRepository\n", IMPORTS),
        ("        jobs=SqlJobRepository(session),\n", ARGUMENTS),
    ],
}
OPTIONAL: dict[str, list[Line]] = {
    "tests/fakes/store.py": [
        ("from tests.fakes.jobs import InMemoryJobRepository\n", IMPORTS),
        ('        jobs=InMemoryJobRepository(tables["jobs"]),\n', FAKES),
    ],
    "Makefile": [
        (" worker queue", r"^\.PHONY: help install dev run"),
        (TARGETS, r"^run:.*\n\t.*\n"),
    ],
    "docs/commands.md": [(COMMANDS, r"^\| `make run` .*\n")],
    "docs/settings.md": [(ROWS, r"^\| `METRICS` .*\n")],
    ".env.example": [(EXAMPLE, r"^# METRICS=.*\n")],
    "compose.yaml": [
        ("    JOBS_CONCURRENCY:\n    JOBS_LEASE:\n", r"^    LOG_LEVEL:\n"),
        (CONTAINER, r"^(?=volumes:\n)"),
    ],
{% if cookiecutter.database == "postgres" %}
    "deploy/kustomization.yaml": [("  - worker.yaml\n", r"^  - serviceaccount\.yaml\n")],
{% endif %}
}

JOBS = Part(
    templates=Path(__file__).parent / "templates",
    revision="create_jobs",
    lines=LINES,
    optional=OPTIONAL,
    dependencies=("cronsim>=2.8,<3",),
{% if cookiecutter.database == "postgres" %}
    where={
        Path("tests", "fakes", "jobs.py"): Path("tests", "fakes", "store.py"),
        Path("deploy", "worker.yaml"): Path("deploy", "kustomization.yaml"),
    },
{% else %}
    where={Path("tests", "fakes", "jobs.py"): Path("tests", "fakes", "store.py")},
{% endif %}
)
