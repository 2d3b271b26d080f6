"""CI of a service: valid, pinned, and equal on both platforms; test_services.py runs the jobs."""

import base64
import json
import re
import secrets
import shutil
import socket
import sys
import tomllib
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.conftest import (
    RENDERS,
    ROOT,
    Bake,
    Service,
    commit,
    environment,
    execute,
    variant_id,
)
from tests.test_quality import targets, tool

FILES = {"github": ".github/workflows/ci.yml", "gitlab": ".gitlab-ci.yml"}
SCHEMAS = {"github": "vendor.github-workflows", "gitlab": "vendor.gitlab-ci"}
PIPELINES = [answers for answers in RENDERS if answers["ci"] in FILES]

each_pipeline = pytest.mark.parametrize("answers", PIPELINES, ids=variant_id)

# Other commands of a job install what its image lacks.
PREPARATIONS = {'python -m pip install "uv==$UV_VERSION"', "apk add --no-cache git make uv"}


@dataclass
class Job:
    """A job, independent of the platform."""

    commands: list[str]
    variables: dict[str, str]
    images: list[str]
    has_a_timeout: bool


def jobs(service: Service) -> dict[str, Job]:
    ci = service.answers["ci"]
    pipeline = yaml.safe_load(service.read(FILES[ci]))
    return dict(jobs_of_github(pipeline) if ci == "github" else jobs_of_gitlab(pipeline))


def jobs_of_github(pipeline: dict[str, Any]) -> Iterator[tuple[str, Job]]:
    for name, job in pipeline["jobs"].items():
        yield (
            name,
            Job(
                [step["run"] for step in job["steps"] if "run" in step],
                pipeline["env"] | job.get("env", {}),
                [container["image"] for container in job.get("services", {}).values()],
                "timeout-minutes" in job,
            ),
        )


def jobs_of_gitlab(pipeline: dict[str, Any]) -> Iterator[tuple[str, Job]]:
    for name, own in pipeline.items():
        if name in {"default", "variables", "workflow"} or name.startswith("."):
            continue
        job = pipeline["default"] | pipeline.get(own.get("extends"), {}) | own
        yield (
            name,
            Job(
                job["before_script"] + job["script"],
                pipeline["variables"] | job.get("variables", {}),
                [job["image"], *job.get("services", [])],
                "timeout" in job,
            ),
        )


@each_pipeline
def test_a_pipeline_is_valid_and_passes_zizmor(rendered: Bake, answers: dict[str, str]) -> None:
    service = rendered(**answers)
    ci, file = answers["ci"], FILES[answers["ci"]]
    tool("check-jsonschema", "--builtin-schema", SCHEMAS[ci], file, folder=service.path)
    if ci == "github":
        tool("zizmor", "--offline", "--persona=pedantic", file, folder=service.path)
    assert all(job.has_a_timeout for job in jobs(service).values())


@each_pipeline
def test_everything_a_pipeline_runs_is_pinned(rendered: Bake, answers: dict[str, str]) -> None:
    service = rendered(**answers)
    pinned = re.compile(r" actions/\S+@[0-9a-f]{40} # v| astral-sh/setup-uv@[0-9a-f]{40} # v\d")
    uses = re.findall(r"uses:.*", service.read(FILES[answers["ci"]]))
    assert [line for line in uses if not pinned.search(line)] == []
    images = [image for job in jobs(service).values() for image in job.images]
    assert [image for image in images if not re.search(r":\d", image)] == []


def test_both_platforms_use_the_tested_version_of_uv(rendered: Bake) -> None:
    locked = re.search(r"^uv==(\S+)", (ROOT / "requirements.txt").read_text(), re.MULTILINE)
    assert locked
    assert f'version: "{locked[1]}"\n' in rendered(ci="github").read(FILES["github"])
    assert f'UV_VERSION: "{locked[1]}"\n' in rendered(ci="gitlab").read(FILES["gitlab"])


@each_pipeline
def test_a_pipeline_runs_targets_of_the_makefile(rendered: Bake, answers: dict[str, str]) -> None:
    service = rendered(**answers)
    known = {f"make {target}" for target in targets(service.read("Makefile"))}
    for name, job in jobs(service).items():
        assert {*job.commands} <= known | PREPARATIONS, name


@pytest.mark.parametrize("database", ["sqlite", "postgres"])
def test_both_platforms_run_the_same_targets(rendered: Bake, database: str) -> None:
    def run_by(ci: str) -> list[list[str]]:
        found = jobs(rendered(ci=ci, database=database)).values()
        return [[line for line in job.commands if line not in PREPARATIONS] for job in found]

    assert run_by("github") == run_by("gitlab")


@each_pipeline
def test_renovate_updates_everything_pinned(rendered: Bake, answers: dict[str, str]) -> None:
    """Checks the schema and the patterns of Renovate's presets; Renovate itself does not run."""
    service = rendered(**answers)
    tool(
        "check-jsonschema",
        "--builtin-schema",
        "vendor.renovate",
        "renovate.json",
        folder=service.path,
    )
    presets = json.loads(service.read("renovate.json"))["extends"]
    assert {"docker:pinDigests", "group:allNonMajor", ":maintainLockFilesWeekly"} <= {*presets}
    if answers["ci"] == "github":
        assert "helpers:pinGitHubActionDigests" in presets
    else:
        # https://docs.renovatebot.com/presets-customManagers/#custommanagersgitlabpipelineversions
        assert "customManagers:gitlabPipelineVersions" in presets
        marker = r"# renovate: datasource=pypi depName=uv\s+UV_VERSION: "
        assert re.search(marker, service.read(".gitlab-ci.yml"))


def test_without_ci_no_file_of_a_platform_exists(rendered: Bake) -> None:
    service = rendered(ci="none")
    assert [path for path in service.files() if path.name in {"renovate.json", "ci.yml"}] == []


# Programs that cannot run here log their arguments; docker needs a Dockerfile as usual.
DOCKER = """#!/bin/sh
test -f Dockerfile || { echo 'there is no Dockerfile' >&2; exit 1; }
echo "docker $*" >> "$CALLS"
"""
APK = """#!/bin/sh
echo "apk $*" >> "$CALLS"
"""
UVX = """#!/bin/sh
case "$*" in *pip-audit*) ;; *) exec "$REAL_UVX" "$@" ;; esac
echo "uvx $*" >> "$CALLS"
cat > "$AUDITED"
"""
OSV = ("api.osv.dev", 443)


def is_reachable(address: tuple[str, int]) -> bool:
    try:
        socket.create_connection(address, timeout=5).close()
    except OSError:
        return False
    return True


def stand_ins(folder: Path) -> dict[str, str]:
    """Returns variables for a PATH with stand-ins for programs that are not installed."""
    folder.mkdir()
    programs = {"docker": DOCKER, "apk": APK} | ({} if is_reachable(OSV) else {"uvx": UVX})
    for name, script in programs.items():
        (folder / name).write_text(script)
        (folder / name).chmod(0o755)
    (folder / "calls").touch()
    path = environment()["PATH"]
    return {
        "PATH": f"{folder}:{path}",
        "CALLS": str(folder / "calls"),
        "AUDITED": str(folder / "audited"),
        "REAL_UVX": str(shutil.which("uvx", path=path)),
        "PIP_DRY_RUN": "1",  # the tests' own environment does not change
    }


def variables_of(job: Job, url: str | None) -> dict[str, str]:
    """Returns the variables of a job, with the database and the Python of this machine."""
    changed = dict(job.variables)
    for name, value in job.variables.items():
        if value.startswith("postgresql://"):
            assert url
            changed[name] = url
    if "UV_PYTHON" in changed:
        changed["UV_PYTHON"] = f"{sys.version_info.major}.{sys.version_info.minor}"
    return changed


def its_jobs_pass(service: Service, programs: Path) -> dict[str, str]:
    """Runs the commands of each job in order, with its variables, and returns their output.

    It runs no container: a local server replaces Postgres, and programs that log their calls
    replace docker and apk, and pip-audit if the vulnerability database is unreachable.
    """
    stand_in_variables = stand_ins(programs)
    output = {}
    postgres = service.answers["database"] == "postgres"
    with service.throwaway("server") if postgres else nullcontext() as url:
        for job in jobs(service).values():
            for command in job.commands:
                output[command] = service.run(
                    "sh", "-c", command, **variables_of(job, url), **stand_in_variables
                )
        if url:
            done = execute("make", "migrations-check", folder=service.path, DATABASE_URL=url)
            assert "All tables would be dropped" in done.stdout, "the database is no longer empty"
    assert service.run("git", "status", "--porcelain") == ""
    calls = Path(stand_in_variables["CALLS"]).read_text()
    assert re.search(r"^docker build .*--tag", calls, re.MULTILINE)
    if Path(stand_in_variables["AUDITED"]).exists():
        assert "pip-audit" in calls
        its_audit_covers_its_dependencies(service, Path(stand_in_variables["AUDITED"]).read_text())
    return output


def its_audit_covers_its_dependencies(service: Service, audited: str) -> None:
    names = set(re.findall(r"^([\w-]+)==\S+ .*\\$", audited, re.MULTILINE))
    project = tomllib.loads(service.read("pyproject.toml"))
    dependencies = {re.split(r"[^\w-]", one)[0] for one in project["project"]["dependencies"]}
    assert dependencies < names
    assert "pytest" not in names
    assert audited.count("--hash=sha256:") >= len(names)


# Split, so that scanners do not find them here.
AWS_KEY = 'AWS_SECRET_ACCESS_KEY = "kD93mfLwPq0sZx8v' + 'Nc4bTy7uHj2gRa5eWi1oXt6M"\n'
TOKEN = "glcbt-64_" + "x7Kq2LmN9pRtV4wYzA6bC"
KIND = "PRIVATE" + " KEY"
AWS_ID = 'AWS_ACCESS_KEY_ID = "AKIA' + 'QWE5RTYU7IOPASDF"\n'


def its_secrets_are_found(service: Service) -> None:
    """Asserts that secrets are found in uncommitted files and in deleted ones.

    But not in ignored files, nor in the URL from which CI cloned the service.
    """

    def found() -> str:
        done = execute("make", "secrets", folder=service.path)
        return done.stdout if done.returncode else ""

    (service.path / ".env").write_text(AWS_ID + AWS_KEY)
    (service.path / ".venv" / "a copy").write_text(AWS_ID + AWS_KEY)
    service.run("git", "remote", "add", "origin", f"https://ci:{TOKEN}@example.com/a/b.git")
    assert not found()

    pem, key = service.path / "key.pem", base64.b64encode(secrets.token_bytes(1200)).decode()
    pem.write_text(f"-----BEGIN {KIND}-----\n{key}\n-----END {KIND}-----\n")
    output = found()
    assert "PRIVATE-KEY" in output
    assert "key.pem" in output
    assert key[:20] not in output
    pem.unlink()
    assert not found()

    leak = service.path / "app" / "leak.py"
    leak.write_text(AWS_ID + AWS_KEY)
    commit(service, "A leak")
    leak.unlink()
    commit(service, "No leak")
    output = found()
    assert "AWS" in output
    assert "app/leak.py" in output
    assert AWS_ID.split('"')[1] not in output
    assert AWS_KEY.split('"')[1] not in output
