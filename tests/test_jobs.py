"""`make jobs` in each variant: its output passes the service's checks."""

import re
import shutil
import time

import pytest
import yaml

from tests.conftest import (
    Bake,
    Service,
    all_is_covered,
    commit,
    default_choice,
    each_choice,
    execute,
    make_once,
    start_process,
    variants,
)
from tests.test_deployment import compose, container, pod, valid
from tests.test_promises import Edit, Installed, assert_test_fails, edited_files
from tests.test_services import request, serving

ADD, QUEUE, PROGRAM = "app/db/sql/jobs.py", "app/db/sql/queue.py", "app/worker.py"
NAMES = "    yield JobTable.name.in_(names)\n"
CLAIMED_BY_US = """        yield JobTable.claimed_by == self.worker
        yield JobTable.attempts == claimed.attempts
"""
# Breaks each promise in docs/jobs.md.
UNDO: dict[str, Edit] = {
    "a block that is rolled back adds no job": (
        ADD,
        "        return added\n",
        "        await self.session.commit()\n        return added\n",
    ),
    "two workers do not claim the same job": (
        QUEUE,
        '"claimed_by": self.worker, "due_at": now() + self.lease}',
        '"claimed_by": self.worker, "due_at": now()}',
    ),
    "a job whose worker was killed runs again": (
        QUEUE,
        NAMES,
        f"{NAMES}    yield JobTable.claimed_by.is_(None)\n",
    ),
    "a claim is kept as long as its job runs": (
        PROGRAM,
        "await queue.renew([*self.running])",
        "pass",
    ),
    "a worker that has lost its claim does not end the job": (QUEUE, CLAIMED_BY_US, ""),
    "a job that fails is tried again": (
        PROGRAM,
        "is_last = claimed.attempts >= job.attempts",
        "is_last = True",
    ),
    "a dead job leaves its key to others": (
        QUEUE,
        '{"due_at": None, "unique_key": None}',
        '{"due_at": None}',
    ),
    "a job that crashes its workers is dead after its attempts": (
        PROGRAM,
        "if claimed.attempts > job.attempts:",
        "if False:",
    ),
    "a job of a newer release waits": (QUEUE, NAMES, ""),
    "a schedule adds nothing before it is due": (QUEUE, "elif row.due_at <= at:", "else:"),
    "a schedule adds nothing while the job before has not ended": (
        QUEUE,
        'job.options(unique_key=f"cron {job.name}")',
        "job.options()",
    ),
    "running jobs may finish after SIGTERM": (
        PROGRAM,
        "grace = 0 if self.is_stopping else self.settings.shutdown_timeout",
        "grace = 0",
    ),
    "jobs that do not finish in time are released": (
        PROGRAM,
        "await queue.release(unfinished)",
        "pass",
    ),
}
PROMISE = re.compile(r"^\| ([^|]+) \| [^|]+ \| `([^|]+)` \|$", re.MULTILINE)

# A job that a route adds, as in docs/jobs.md.
SERVICE = """
from uuid import UUID

from app.repositories.jobs import job
from app.repositories.store import Store
from app.schemas.items import ItemUpdate


@job()
async def count_up(store: Store, item_id: UUID) -> None:
    async with store.write() as repositories:
        item = await repositories.items.get(item_id)
        await repositories.items.update(item_id, ItemUpdate(quantity=item.quantity + 1))
"""
ADDED = "        await repositories.jobs.add(count_up, item_id=item.id)\n"
WORKER = (".venv/bin/python", "-m", "app.worker")


@pytest.mark.slow
@each_choice
def test_generated_jobs_pass_all_checks(bake: Bake, answers: dict[str, str]) -> None:
    service = bake(**answers)
    service.run("make", "install")
    commit(service, "First commit")
    make_once(service, "jobs")
    assert all_is_covered(service, service.run("make", "check"))
    service.run("uv", "run", "pytest", "tests/system/test_jobs.py")
    its_worker_is_deployed(service)


@pytest.mark.slow
@variants(1, 2)  # the variants that each_choice skips
def test_all_parts_and_a_resource_pass_all_checks_together(
    bake: Bake, answers: dict[str, str]
) -> None:
    service = bake(**answers)
    service.run("make", "install")
    commit(service, "First commit")
    make_once(service, "users")
    make_once(service, "jobs")
    make_once(service, "idempotency")
    service.run("make", "resource", "name=event", "fields=title:str(128) place:ref(item)")
    service.run("make", "resource", "name=note", "fields=title:str(128)", "owner=user")
    assert all_is_covered(service, service.run("make", "check"))
    service.run("uv", "run", "pytest", "tests/system/test_jobs.py")
    its_worker_is_deployed(service)
    a_route_adds_a_job(service)
    with serving(service, AUTH="none") as (url, database_url):
        status, item = request(f"{url}/v1/items", "POST", {"name": "bolt"})
        assert (status, item["quantity"]) == (201, 0)
        assert request(f"{url}/v1/items", "POST", {"name": "bolt"})[0] == 409
        assert service.run("make", "queue", DATABASE_URL=database_url).count("count_up") == 1
        with start_process(*WORKER, folder=service.path, DATABASE_URL=database_url) as worker:
            its_quantity_becomes_one(f"{url}/v1/items/{item['id']}")
            worker.terminate()
            output, _ = worker.communicate(timeout=30)
        assert worker.returncode == 0, output
        assert "No jobs." in service.run("make", "queue", DATABASE_URL=database_url)


def a_route_adds_a_job(service: Service) -> None:
    lines, added = SERVICE, ADDED
    if service.answers["concurrency"] == "sync":
        lines, added = (re.sub(r"\b(async|await) ", "", text) for text in (lines, added))
    (service.path / "app" / "services" / "counts.py").write_text(lines, encoding="utf-8")
    routes = service.path / "app" / "api" / "routes" / "items.py"
    text, count = re.subn(r"( +item = .*items\.add\(new\)\n)", rf"\1{added}", routes.read_text())
    assert count == 1
    text = text.replace("from app.api", "from app.services.counts import count_up\nfrom app.api", 1)
    routes.write_text(text, encoding="utf-8")


def its_quantity_becomes_one(url: str) -> None:
    deadline = time.monotonic() + 30
    while request(url)[1]["quantity"] != 1:
        assert time.monotonic() < deadline, "no worker has run the job"
        time.sleep(0.1)


def its_worker_is_deployed(service: Service) -> None:
    """The worker runs another program of the same image."""
    worker, server = (compose(service)[name] for name in ("worker", "service"))
    assert worker["command"] == ["python", "-m", "app.worker"]
    changed = {"command", "healthcheck", "ports"}
    assert {name for name in worker | server if worker.get(name) != server.get(name)} == changed
    manifest = service.path / "deploy" / "worker.yaml"
    assert manifest.exists() is (service.answers["database"] == "postgres")
    if manifest.exists():
        of_worker = yaml.safe_load(manifest.read_text(encoding="utf-8"))
        of_server = yaml.safe_load(service.read("deploy/deployment.yaml"))
        valid(of_worker)
        assert pod(of_worker)["securityContext"] == pod(of_server)["securityContext"]
        for name in ("image", "envFrom", "securityContext", "volumeMounts"):
            assert container(of_worker)[name] == container(of_server)[name]
        # The server's Service and disruption budget select none of the worker's pods.
        assert of_worker["spec"]["selector"] != of_server["spec"]["selector"]
        assert "  - worker.yaml\n" in service.read("deploy/kustomization.yaml")


@pytest.mark.slow
@default_choice
def test_a_service_without_fakes_and_compose_file_takes_jobs(
    bake: Bake, answers: dict[str, str]
) -> None:
    service = bake(**answers)
    service.run("make", "install")
    shutil.rmtree(service.path / "tests" / "fakes")
    (service.path / "compose.yaml").unlink()
    commit(service, "First commit")
    make_once(service, "jobs")
    assert not (service.path / "tests" / "fakes").exists()
    service.run("uv", "run", "mypy")
    service.run("uv", "run", "pytest", "tests/db/test_jobs.py")


@pytest.mark.slow
@default_choice
def test_make_jobs_does_not_overwrite_changed_files(bake: Bake, answers: dict[str, str]) -> None:
    service = bake(**answers)
    service.run("make", "install")
    service.run("make", "resource", "name=job", "fields=title:str")
    commit(service, "First commit")
    done = execute("make", "jobs", folder=service.path)
    assert done.returncode != 0
    assert "Nothing was written: app/repositories/jobs.py already exists" in done.stdout
    assert service.run("git", "status", "--porcelain") == ""


@pytest.mark.slower
def test_each_promise_fails_without_its_code(bake: Bake) -> None:
    service = bake(database="sqlite", concurrency="async")
    service.run("make", "install")
    commit(service, "First commit")
    make_once(service, "jobs")
    output = service.read("docs/jobs.md").partition("## What is promised")[2].partition("\n## ")[0]
    tests = dict(PROMISE.findall(output))
    assert tests.keys() == UNDO.keys()
    for promise, edit in UNDO.items():
        assert_test_fails(Installed(service, {}), edited_files(service, [edit]), tests[promise])
