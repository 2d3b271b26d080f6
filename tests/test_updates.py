"""`make template-update` in services that their team has changed."""

import json
import re
from pathlib import Path

import pytest

from tests.conftest import (
    CRUFT,
    IDENTITY,
    ROOT,
    TEMPLATE,
    VARIANTS,
    Service,
    Template,
    commit,
    execute,
    render,
    variant_id,
)
from tests.test_services import serving

# The commit of each release; a shallow clone does not have them.
RELEASES = {
    "0.1.0": "c1515c9bd81378be82c9d5e8f447a28a54ddd0a9",
    "0.2.0": "b0f11da961df6ff9e99c820dd98ed5ee9c31ffed",
}

# Conflicts that CHANGELOG.md announces: the template changed lines next to a team's additions.
CONFLICTS = {
    "0.1.0": {
        "README.md",
        "app/db/session.py",
        "app/db/tables/__init__.py",
        "app/main.py",
        "app/repositories/store.py",
        "app/schemas/items.py",
    },
    "0.2.0": {
        "README.md",
        "app/db/session.py",
        "app/db/tables/__init__.py",
        "app/main.py",
        "app/repositories/store.py",
    },
}

MARKERS = re.compile(r"^(?:<{7}|={7}|>{7})", re.MULTILINE)
REVISION = "app/db/migrations/versions/*_create_events_*.py"


def rendered_from(
    template: Template, folder: Path, answers: dict[str, str], *options: str
) -> Service:
    arguments = [f"{question}={answer}" for question, answer in answers.items()]
    render(folder, *options, *arguments, template=f"git+file://{template.path}")
    service = Service(folder / "my-service", answers)
    commit(service, "First commit")
    return service


def conflicts(service: Service) -> dict[str, int]:
    """Returns the number of conflicts in each file."""
    names = service.run("git", "ls-files", "--cached", "--others", "--exclude-standard")
    counts = {
        name: len(MARKERS.findall(service.read(name))) // 3 + name.endswith(".rej")
        for name in names.splitlines()
        if (service.path / name).is_file()
    }
    return {name: count for name, count in counts.items() if count}


def replace(service: Service, name: str, old: str, new: str) -> None:
    text = service.read(name)
    assert text.count(old) == 1, f"{name} does not contain {old!r} exactly once"
    (service.path / name).write_text(text.replace(old, new), encoding="utf-8")


def put_before(service: Service, name: str, anchor: str, *lines: str) -> None:
    """Inserts the lines before the one that starts with `anchor`."""
    replace(service, name, f"\n{anchor}", "\n".join(["", *lines, anchor]))


def put_after(service: Service, name: str, anchor: str, line: str) -> None:
    replace(service, name, f"\n{anchor}\n", f"\n{anchor}\n{line}\n")


def write_like_items(service: Service, name: str) -> None:
    """Returns the file of the second resource: that of the items, renamed."""
    text = service.read(name)
    names = (("Item", "Event"), ("item", "event"))
    for old, new in (*names, ('["events"]', '["items"]'), (".events()", ".items()")):
        text = text.replace(old, new)  # the last match: pages and dictionaries have items too
    (service.path / name.replace("item", "event")).write_text(text, encoding="utf-8")


def add_events(service: Service) -> None:
    """Adds events without `make resource`, which earlier releases do not have, by copying items."""
    folders = ("schemas", "repositories", "db/tables", f"db/{sql_folder(service)}", "api/routes")
    for folder in folders:
        write_like_items(service, f"app/{folder}/items.py")
    write_like_items(service, "tests/fakes/items.py")
    if (service.path / "tests" / "factories").is_dir():  # since 0.4
        write_like_items(service, "tests/factories/items.py")
    write_like_items(service, "tests/api/test_items.py")

    register_the_table(service)
    register_the_interface(service)
    register_the_repository(service)
    put_before(
        service,
        "tests/fakes/store.py",
        "from tests.fakes.items",
        "from tests.fakes.events import InMemoryEventRepository",
    )
    put_after(
        service,
        "tests/fakes/store.py",
        '        items=InMemoryItemRepository(tables["items"]),',
        '        events=InMemoryEventRepository(tables["events"]),',
    )
    register_the_routes(service)


def register_the_interface(service: Service) -> None:
    name = "app/repositories/store.py"
    put_before(
        service,
        name,
        "from app.repositories.items",
        "from app.repositories.events import EventRepository",
    )
    put_after(service, name, "    items: ItemRepository", "    events: EventRepository")


def sql_folder(service: Service) -> str:
    return "sql" if (service.path / "app" / "db" / "sql").exists() else "repositories"


def register_the_repository(service: Service) -> None:
    name = "app/db/session.py"
    folder = sql_folder(service)
    # Its name in that release: a connection in 0.2.0, else a session.
    argument = re.findall(r"=SqlItemRepository\((\w+)\)", service.read(name))[0]
    put_before(
        service,
        name,
        f"from app.db.{folder}.items",
        f"from app.db.{folder}.events import SqlEventRepository",
    )
    put_before(service, name, "        items=", f"        events=SqlEventRepository({argument}),")


def register_the_routes(service: Service) -> None:
    replace(service, "app/main.py", "import health, items", "import events, health, items")
    put_before(service, "app/main.py", "    return app", "    app.include_router(events.router)")


def shorten_the_description(service: Service) -> None:
    replace(service, "app/schemas/items.py", "max_length=2000", "max_length=1000")


def change_as_teams_do(service: Service) -> None:
    """A team's changes: a second resource, a setting, another limit, and text."""
    add_events(service)
    put_before(
        service,
        "app/settings.py",
        "    log_level",
        "    # Who answers.",
        '    team: str = "orders"',
        "",
    )
    put_before(service, ".env.example", "# LOG_LEVEL", "# TEAM=orders")
    describe_themselves(service)
    shorten_the_description(service)


def describe_themselves(service: Service) -> None:
    """In the README, which had the settings too in earlier releases."""
    settings = "docs/settings.md" if (service.path / "docs/settings.md").exists() else "README.md"
    put_before(service, settings, "| `LOG_LEVEL`", "| `TEAM` | `orders` | who answers |")
    put_before(service, "README.md", "## Settings", "## Who we are", "", "We take orders.", "")


def register_the_table(service: Service) -> None:
    tables = "app/db/tables/__init__.py"
    put_before(service, tables, "from app.db.tables", "from app.db.tables.events import EventTable")
    # Earlier releases have all names on one line.
    between = "\n    " if '    "Base",\n' in service.read(tables) else " "
    replace(service, tables, f'"Base",{between}', f'"Base",{between}"EventTable",{between}')


def resolve(service: Service, names: set[str]) -> None:
    """Resolves a conflict: takes the template's version and repeats the team's change."""
    repeat = {
        "README.md": describe_themselves,
        "app/db/session.py": register_the_repository,
        "app/db/tables/__init__.py": register_the_table,
        "app/main.py": register_the_routes,
        "app/repositories/store.py": register_the_interface,
        "app/schemas/items.py": shorten_the_description,
    }
    for name in names:
        service.run("git", "checkout", "--theirs", name)
        service.run("git", "add", name)
        repeat[name](service)


def follow_the_notes(service: Service) -> None:
    """Follows *Upgrading* in CHANGELOG.md."""
    sql, routes = "app/db/sql/events.py", "app/api/routes/events.py"
    service.run("git", "mv", "app/db/repositories/events.py", sql)
    replace(service, sql, "app.db.repositories.base", "app.db.sql.base")
    if "ThreadRouter" in service.read(routes):
        replace(service, routes, "from app.api.threads import ThreadRouter\n", "")
        replace(service, routes, "ThreadRouter(", "APIRouter(")
        replace(service, routes, "from fastapi import ", "from fastapi import APIRouter, ")
    replace(service, routes, "import NOT_MODIFIED, ", "import ")
    replace(service, routes, ", is_known, versions", ", is_known, tagged, versions")
    replace(service, routes, "| NOT_MODIFIED", "| tagged(200, 304)")


def changes_of_the_team_are_there(service: Service) -> None:
    for name, texts in {
        ".env.example": ["# TEAM=orders\n"],
        "README.md": ["## Who we are\n\nWe take orders.\n"],
        "docs/settings.md": ["| `TEAM` | `orders` | who answers |\n"],
        "app/db/session.py": ["        events=SqlEventRepository("],
        "app/db/tables/__init__.py": ['    "Base",\n    "EventTable",\n'],
        "app/main.py": ["import events, ", "    app.include_router(events.router)\n"],
        "app/repositories/store.py": ["    events: EventRepository\n"],
        "app/schemas/items.py": ["max_length=1000"],
        "app/settings.py": ['    # Who answers.\n    team: str = "orders"\n'],
        "tests/fakes/store.py": ["        events=InMemoryEventRepository("],
    }.items():
        assert [text for text in texts if text not in service.read(name)] == [], name


# Changes of a later release: text, code near a team's edits, a command, a file.
HOST = '    host: str = "127.0.0.1"\n'
NEWS = (
    ("README.md", "## Tests\n", "## News\n\nThere is something new.\n\n## Tests\n"),
    ("app/db/session.py", '"""The store on a database', '"""The new store on a database'),
    ("app/settings.py", HOST, f"    # This machine only.\n{HOST}"),
    ("app/schemas/items.py", "Create(Schema):\n", 'Create(Schema):\n    """New."""\n\n'),
    ("Makefile", "format:  ##", "news:  ## Say what is new\n\t@echo nothing\n\nformat:  ##"),
    ("docs/news.md", "", "# News\n"),
)  # fmt: skip


@pytest.mark.slower
@pytest.mark.parametrize(
    ("release", "answers"),
    [
        pytest.param(
            release,
            answers,
            id=f"{release}-{variant_id(answers)}",
            # The variant hardly affects merges.
            marks=() if (release, number) == ([*RELEASES][-1], 1) else pytest.mark.exhaustive,
        )
        for release in RELEASES
        for number, answers in enumerate(VARIANTS)
    ],
)
def test_a_changed_service_of_each_release_takes_an_update(
    tmp_path: Path, template_with_history: Template, answers: dict[str, str], release: str
) -> None:
    template = template_with_history
    service = with_its_own_events(template, tmp_path, answers, "--checkout", RELEASES[release])
    template.release(*NEWS)
    check = execute("make", "template-check", folder=service.path)
    assert check.returncode != 0
    assert "out of date" in check.stdout
    update = execute("make", "template-update", folder=service.path)
    assert conflicts(service).keys() == CONFLICTS[release]
    assert (update.returncode != 0) == bool(CONFLICTS[release])
    follow_the_notes(service)
    resolve(service, CONFLICTS[release])
    changes_of_the_team_are_there(service)
    for name, _, new in NEWS:
        assert new in service.read(name)
    assert "up to date" in service.run("make", "template-check")
    service.run("make", "install", "openapi", "check")


def with_its_own_events(
    template: Template, folder: Path, answers: dict[str, str], *options: str
) -> Service:
    service = rendered_from(template, folder / "services", answers, *options)
    service.run("make", "install")
    change_as_teams_do(service)
    migrate_events(service)
    service.run("make", "format")
    commit(service, "Events")
    return service


def migrate_events(service: Service) -> None:
    with serving(service) as (_, database):
        service.run("make", "migration", "m=create events", DATABASE_URL=database)
    assert len(list(service.path.glob(REVISION))) == 1


@pytest.mark.slower
@pytest.mark.parametrize(
    ("before", "changed_answers"),
    [
        ({"database": "sqlite", "concurrency": "sync"}, {"concurrency": "async"}),
        pytest.param(
            {"database": "postgres", "concurrency": "async"},
            {"concurrency": "sync", "ci": "gitlab"},
            marks=pytest.mark.exhaustive,
        ),
        pytest.param(
            {"database": "sqlite", "concurrency": "async"},
            {"database": "postgres", "ci": "none"},
            marks=pytest.mark.exhaustive,
        ),
        pytest.param(
            {"database": "postgres", "concurrency": "sync"},
            {"database": "sqlite"},
            marks=pytest.mark.exhaustive,
        ),
    ],
    ids=lambda answers: "-".join(answers.values()),
)
def test_an_update_can_change_an_answer(
    tmp_path: Path, template: Template, before: dict[str, str], changed_answers: dict[str, str]
) -> None:
    service = with_its_own_events(template, tmp_path, before | {"setup": "files"})
    template.release(*NEWS)
    service.run("make", "template-update", f"answers={json.dumps(changed_answers)}")
    assert conflicts(service) == {}
    changes_of_the_team_are_there(service)
    service.run("make", "install")
    # Manual steps for the team's own files: routes are rewritten like those of the items, and
    # revisions, which are for one database, are generated again.
    write_like_items(service, "app/api/routes/items.py")
    if "database" in changed_answers:
        next(service.path.glob(REVISION)).unlink()
        migrate_events(service)
    service.run("make", "openapi", "check")


@pytest.mark.slower
def test_fifty_services_are_updated_as_documented(tmp_path: Path, template: Template) -> None:
    """Three services: one merges, one has a conflict, one is up to date."""
    page = (ROOT / "docs" / "teams.md").read_text(encoding="utf-8")
    script = page.partition("```sh\n# services.txt")[2].partition("```")[0]
    urls = []
    for name in ("merges", "conflicts", "current"):
        if name == "current":
            template.release(*NEWS)
        service = rendered_from(template, tmp_path / name, {"setup": "files"})
        if name == "conflicts":
            replace(service, "README.md", "## Tests\n", "## How we test\n")
            commit(service, "Ours")
        service.run("git", "clone", "--quiet", "--bare", ".", str(tmp_path / f"{name}.git"))
        urls.append(f"file://{tmp_path / name}.git")
    folder = tmp_path / "all"
    folder.mkdir()
    (folder / "services.txt").write_text("\n".join(urls))
    output = execute("sh", "-c", f"# {script}", folder=folder, **IDENTITY).stdout
    assert "conflicts needs a person\n" in output
    assert output.count("needs a person") == 1, output
    pushed = {
        url: "template-update" in execute("git", "ls-remote", "--heads", url, folder=folder).stdout
        for url in urls
    }
    assert list(pushed.values()) == [True, False, False]


def test_only_lines_changed_on_both_sides_conflict(tmp_path: Path, template: Template) -> None:
    service = rendered_from(template, tmp_path, {"setup": "files"})
    change_as_teams_do(service)
    replace(service, "app/settings.py", HOST, '    host: str = "0.0.0.0"\n')
    replace(service, "README.md", "## Tests\n", "## How we test\n")
    commit(service, "Ours")
    template.release(*NEWS, ("app/settings.py", HOST, '    host: str = "::1"\n'))
    done = execute("make", "template-update", folder=service.path)
    assert done.returncode != 0
    assert "UU README.md\nUU app/settings.py\nSome changes could not be merged" in done.stdout
    assert conflicts(service) == {"README.md": 1, "app/settings.py": 1}
    changes_of_the_team_are_there(service)
    for name, _, new in NEWS:
        if name not in {"README.md", "app/settings.py"}:
            assert new in service.read(name)


def test_successive_updates_work_in_fresh_clones(tmp_path: Path, template: Template) -> None:
    """The changed lines are so near to the team's that only a three-way merge works."""
    service = rendered_from(template, tmp_path / "services", {"setup": "files"})
    change_as_teams_do(service)
    commit(service, "Events")
    line = "def repositories(session: AsyncSession) -> Repositories:\n"
    for number in range(3):
        newer = f"{line}    # Release {number}.\n"
        template.release(("app/db/session.py", line, newer))
        service.run("make", "template-update")
        assert conflicts(service) == {}
        changes_of_the_team_are_there(service)
        assert newer in service.read("app/db/session.py")
        commit(service, f"Update {number}")
        line = newer
        clone = tmp_path / f"clone {number}"
        service.run("git", "clone", "--no-local", "--quiet", ".", str(clone))
        service = Service(clone, service.answers)


def test_files_that_git_cannot_merge_are_reported_and_the_rest_is_merged(
    tmp_path: Path, template: Template
) -> None:
    """Otherwise cruft would abandon the merge and write .rej files."""
    template.release(("docs/old.md", "", "# Old\n"), ("docs/run.sh", "", "#!/bin/sh\n"))
    (template.path / TEMPLATE.name / "docs" / "run.sh").chmod(0o755)
    template.release()
    service = rendered_from(template, tmp_path, {"setup": "files"})
    change_as_teams_do(service)
    (service.path / "docs" / "old.md").write_text("# Old, and ours\n")
    (service.path / "docs" / "run.sh").write_text("#!/bin/sh\necho ours\n")
    (service.path / "README.md").rename(service.path / "docs" / "README.md")
    (service.path / "README.md").symlink_to("docs/README.md")
    (service.path / "app" / "schemas").rename(service.path / "docs" / "schemas")
    (service.path / "app" / "schemas").symlink_to("../docs/schemas")
    (service.path / "docs" / "folder").mkdir()
    (service.path / "docs" / "folder" / "mine").write_text("mine\n")
    (service.path / "docs" / "file").write_text("mine\n")
    workflow = service.path / ".github" / "workflows" / "ci.yml"
    workflow.write_text(workflow.read_text() + "# ours\n")
    (service.path / ".git" / "info" / "exclude").write_text("docs/news.md\n")
    (service.path / "docs" / "news.md").write_text("ours, and not in git\n")
    commit(service, "Ours")
    for name in ("old.md", "run.sh"):
        template.git("rm", "--quiet", f"{TEMPLATE.name}/docs/{name}")
    line = "def repositories(session: AsyncSession) -> Repositories:\n"
    newer = f"{line}    # So near to ours that it takes a merge.\n"
    in_the_way = (("docs/file/a.md", "", "# A\n"), ("docs/folder", "", "A file.\n"))
    template.release(*NEWS[2:], NEWS[0], *in_the_way, ("app/db/session.py", line, newer))

    output = service.run(
        "make", "template-update", """answers={"ci": "none", "author_name": "O'B"}"""
    )
    deleted = "was deleted in the template, but you have changed it"
    assert f"Left unchanged: .github/workflows/ci.yml {deleted}\n" in output
    assert f"Left unchanged: docs/old.md {deleted}\n" in output
    no_file = "has changed in the template, but yours is not a file in git\n"
    for name in ("README.md", "docs/news.md", "app/schemas/items.py", "docs/folder"):
        assert f"Left unchanged: {name} {no_file}" in output
    assert "Left unchanged: docs/file/a.md is new in the template, but you have a file" in output
    assert output.count("Left unchanged: ") == 8
    assert "Next:" not in output
    assert conflicts(service) == {}
    assert newer in service.read("app/db/session.py")
    assert "    # This machine only.\n" in service.read("app/settings.py")
    assert workflow.read_text().endswith("# ours\n")
    assert service.read("docs/old.md") == "# Old, and ours\n"
    assert service.read("docs/news.md") == "ours, and not in git\n"
    assert (service.path / "README.md").is_symlink()
    assert (service.path / "docs" / "run.sh").stat().st_mode & 0o111
    assert "O'B" in service.read("pyproject.toml")

    # The next update does not change that.
    commit(service, "Update")
    template.release(("docs/news.md", "# News\n", "# Newer\n"))
    output = service.run("make", "template-update")
    assert f"Left unchanged: docs/news.md {no_file}" in output
    assert service.read("docs/news.md") == "ours, and not in git\n"


def test_deleted_files_stay_deleted(tmp_path: Path, template: Template) -> None:
    service = rendered_from(template, tmp_path, {"setup": "files"})
    for name in ("README.md", ".pre-commit-config.yaml"):
        (service.path / name).unlink()
    commit(service, "Without")
    template.release(*NEWS)
    service.run("make", "template-update")
    assert conflicts(service) == {}
    assert not (service.path / "README.md").exists()
    assert (service.path / "docs" / "news.md").exists()


def test_an_update_neither_installs_nor_commits(tmp_path: Path, template: Template) -> None:
    """Whatever the setup was: cruft renders twice, in temporary folders."""
    folder = tmp_path / "services"
    create = (*CRUFT, "create", str(template.path), "--no-input")
    done = execute(*create, "--output-dir", str(folder), folder=tmp_path)
    assert done.returncode == 0, done.stdout
    assert "Not set up: cruft writes .cruft.json only after the hooks; later: cd " in done.stdout
    service = Service(folder / "my-service", {})
    assert {path.name for path in service.path.iterdir()}.isdisjoint({".git", ".venv", "uv.lock"})
    commit(service, "First commit")
    template.release(*NEWS)
    output = service.run(*CRUFT, "update", "--skip-apply-ask")
    assert "Setting up" not in output
    assert service.run("git", "rev-list", "--count", "HEAD").strip() == "1"
    assert not (service.path / "uv.lock").exists()
