"""`make migration-merge` after a merge of two branches that each add a resource."""

import re

import pytest

from tests.conftest import IDENTITY, NO_GIT_CONFIG, Bake, Service, commit, execute, variants

pytestmark = pytest.mark.slower

TESTS = ("tests/db/test_migrations.py", "tests/api/test_openapi.py", "tests/test_architecture.py")
CONFLICT = re.compile(r"^(<{7} .*|={7}|>{7} .*)\n", re.MULTILINE)


@variants(3)
def test_migration_merge_joins_the_revisions_of_two_branches(
    bake: Bake, answers: dict[str, str]
) -> None:
    service = bake(**answers)
    service.run("make", "install")
    commit(service, "First commit")
    git(service, "checkout", "--quiet", "-b", "events")
    add(service, "event", "title:str kind:enum(talk,party)=talk place:ref(item)")
    git(service, "checkout", "--quiet", "-")
    add(service, "venue", "title:str seats:int>=0=0")
    merge(service, "events")
    with service.throwaway("database") as url:
        each_command_says_what_to_do(service, url)
    service.run("make", "migration-merge", "format", "openapi")
    service.run("uv", "run", "ruff", "format", "--check")
    service.run("uv", "run", "ruff", "check")
    service.run("uv", "run", "mypy")
    service.run("uv", "run", "pytest", *TESTS)
    with service.throwaway("database") as url:
        service.run("make", "migrations-check", "migrate", DATABASE_URL=url)
    commit(service, "Merge branch 'events'")
    assert "nothing to merge" in service.run("make", "migration-merge")
    assert service.run("git", "status", "--porcelain") == ""


def git(service: Service, *arguments: str) -> None:
    service.run("git", *arguments, **IDENTITY, **NO_GIT_CONFIG)


def add(service: Service, name: str, fields: str) -> None:
    service.run("make", "resource", f"name={name}", f"fields={fields}")
    commit(service, name)


def merge(service: Service, branch: str) -> None:
    """Merges as documented: the lines of both sides, and either openapi.json."""
    done = execute("git", "merge", branch, folder=service.path, **IDENTITY, **NO_GIT_CONFIG)
    assert "CONFLICT" in done.stdout
    for name in service.run("git", "diff", "--name-only", "--diff-filter=U").split():
        (service.path / name).write_text(CONFLICT.sub("", service.read(name)), encoding="utf-8")
    git(service, "checkout", "--ours", "openapi.json")


def each_command_says_what_to_do(service: Service, url: str) -> None:
    commands = (
        ("make", "migrate"),
        ("make", "migration", "m=more"),
        ("make", "migrations-check"),
        ("make", "resource", "name=zebra", "fields=title:str"),
        ("make", "dev"),
        ("make", "run"),
    )
    for command in commands:
        settings = {"DATABASE_URL": url, "AUTH": "none"}
        if command[-1] == "run":
            settings["APP_ENV"] = "production"
        done = execute(*command, folder=service.path, **settings)
        assert done.returncode != 0, command
        assert re.search(r"2 newest revisions.*: join them with make migration-merge", done.stdout)
        assert "Traceback" not in done.stdout, command
