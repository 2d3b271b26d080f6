"""`make remove`: what it deletes, rejects, and leaves unchanged."""

import subprocess
from pathlib import Path

import pytest

from tests.tools.copies import contents, copied, run

GIT = ("git", "-c", "user.name=Ada", "-c", "user.email=ada@example.com")


@pytest.fixture
def service(tmp_path: Path) -> Path:
    # The template's own tests of the tools are not part of a service.
    own = ("bench", "copy_data", "field", "remove", "resource")
    return copied(tmp_path, "copies.py", *(f"test_{name}.py" for name in own))


def make(service: Path, *arguments: str) -> None:
    done = run(service, "tools.resource", *arguments)
    assert done.returncode == 0, done.stderr


def remove(service: Path, name: str) -> str:
    done = run(service, "tools.remove", name)
    assert done.returncode == 0, done.stderr
    return done.stdout


def refusal(service: Path, name: str) -> str:
    """Returns the error message of a command that changes nothing."""
    before = contents(service)
    done = run(service, "tools.remove", name)
    assert (done.returncode, done.stdout) == (1, "")
    assert contents(service) == before
    return done.stderr


def append(path: Path, text: str) -> None:
    path.write_text(path.read_text(encoding="utf-8") + text, encoding="utf-8")


@pytest.mark.parametrize("owner", ["", "user"])
def test_make_and_remove_leave_only_two_revisions(service: Path, owner: str) -> None:
    before = contents(service)
    name = "a_resource_of_a_long_name"  # its lines are wrapped
    make(service, name, "title:str:unique legs:int>=0", "", "", owner)
    assert f"deleted app/db/tables/{name}s.py" in remove(service, name)
    after = contents(service)
    revisions = sorted(path.stem[9:-13] for path in after.keys() - before.keys())
    assert revisions == [f"create_{name}s", f"drop_{name}s"]
    assert {path: after[path] for path in before} == before


def test_a_resource_is_removed_with_its_lists(service: Path) -> None:
    make(service, "zebra", "name:str legs:list(home:ref(item) length:int)")
    assert "app/db/tables/zebras.py:" in refusal(service, "item")
    remove(service, "zebra")
    (dropped,) = (service / "app" / "db" / "migrations" / "versions").glob("*_drop_zebras_*.py")
    text = dropped.read_text(encoding="utf-8")
    assert text.index('op.drop_table("zebra_legs")') < text.index('op.drop_table("zebras")')
    remove(service, "item")


def test_a_removed_name_can_be_reused(service: Path) -> None:
    remove(service, "item")
    make(service, "item", "title:str")
    remove(service, "items")
    versions = service / "app" / "db" / "migrations" / "versions"
    assert len([*versions.glob("*_create_items_*.py")]) == 2
    assert len([*versions.glob("*_drop_items_*.py")]) == 2


def test_references_are_reported_by_file_and_line(service: Path) -> None:
    make(service, "zebra", "home:ref(item)")
    output = refusal(service, "item")
    text = (service / "app/db/tables/zebras.py").read_text(encoding="utf-8")
    (number,) = (number for number, line in enumerate(text.splitlines(), 1) if '"items.id"' in line)
    assert f"app/db/tables/zebras.py:{number}" in output
    remove(service, "zebra")
    remove(service, "item")


@pytest.mark.parametrize(
    "line",
    [
        "import app.schemas.items",
        "from app.db.tables import items",
        'URL = "/v1/items/1"',
        'TABLE = "items.id"',
        "async def stock(repositories): return repositories.items",
        'QUERY = "SELECT name FROM items"',
        'QUERY = "select name from main.items"',
        'QUERY = "SELECT 1 FROM orders o,\\n items i"',
        'ITEMS = sa.table("items", sa.column("id"))',
        'def url(request): return request.url_for("list_items")',
    ],
)
def test_a_handwritten_reference_is_reported(service: Path, line: str) -> None:
    own = service / "app" / "api" / "stock.py"
    own.write_text(f"# Ours.\n{line}\n", encoding="utf-8")
    output = refusal(service, "item")
    assert output == (
        "Nothing was removed: item is still used at app/api/stock.py:2: change these lines first.\n"
    )


def drop(service: Path, name: str, field: str) -> None:
    done = run(service, "tools.field", name, "", "", "", field, "")
    assert done.returncode == 0, done.stderr


def test_an_unfinished_drop_is_reported(service: Path) -> None:
    make(service, "zebra", "name:str code:int=0:index")
    drop(service, "zebra", "code")
    assert refusal(service, "zebra") == (
        "Nothing was removed: a downgrade could not restore the columns zebras.code: drop them "
        'first, with make field resource=zebra drop="code", make migration and make migrate.\n'
    )
    drop(service, "zebra", "code")
    remove(service, "zebra")


def test_an_unfinished_drop_of_a_reference_is_reported(service: Path) -> None:
    make(service, "place", "name:str")
    make(service, "zebra", "name:str home:ref(item)? other:ref(place)?")
    drop(service, "zebra", "home")
    assert "zebras.home_id still references it" in refusal(service, "item")
    drop(service, "zebra", "other")
    assert "zebras.other_id still references it" in refusal(service, "place")
    make(service, "loan", "name:str")
    remove(service, "loan")
    drop(service, "zebra", "home")
    remove(service, "item")


def test_prose_is_not_a_reference(service: Path) -> None:
    own = service / "app" / "api" / "stock.py"
    own.write_text('"""What we update from the items, into a report."""\n', encoding="utf-8")
    remove(service, "item")


def test_an_edited_registration_is_reported(service: Path) -> None:
    main = service / "app" / "main.py"
    text = main.read_text(encoding="utf-8")
    main.write_text(text.replace("(items.router", '(items.router, prefix="/a"'), encoding="utf-8")
    number = text[: text.index("import health, items")].count("\n") + 1
    assert f"app/main.py:{number}: " in refusal(service, "item")


def test_other_handwritten_lines_stay(service: Path) -> None:
    append(service / "app" / "main.py", "\n\nOURS = 1\n")
    remove(service, "item")
    assert "OURS = 1" in (service / "app" / "main.py").read_text(encoding="utf-8")


def test_uncommitted_changes_are_not_deleted(service: Path) -> None:
    for arguments in (("init", "-q"), ("add", "."), ("commit", "-qm", "All of it")):
        subprocess.run([*GIT, *arguments], cwd=service, check=True)
    schema = service / "app" / "schemas" / "items.py"
    append(schema, "\n# Ours.\n")
    assert "uncommitted changes in app/schemas/items.py: commit" in refusal(service, "item")
    subprocess.run([*GIT, "commit", "-qam", "Ours"], cwd=service, check=True)
    remove(service, "item")
    assert not schema.exists()


def test_an_unknown_resource_is_rejected(service: Path) -> None:
    assert "'zebra' is not a resource: use one of item" in refusal(service, "zebra")
    assert "'' is not a resource" in refusal(service, "")
    remove(service, "item")
    assert "there are no resources" in refusal(service, "item")


def test_users_are_not_resources(service: Path) -> None:
    schemas = service / "tools" / "users" / "templates" / "app" / "schemas" / "users.py.mako"
    (service / "app" / "schemas" / "users.py").write_text(schemas.read_text(encoding="utf-8"))
    for name in ("own_account", "api_key", "zebra"):
        assert f"'{name}' is not a resource: use one of item.\n" in refusal(service, name)


def test_the_downgrade_recreates_the_same_table(service: Path) -> None:
    versions = service / "app" / "db" / "migrations" / "versions"
    (created,) = versions.glob("*_create_items_*.py")
    remove(service, "item")
    (dropped,) = versions.glob("*_drop_items_*.py")
    columns = [
        {line.strip() for line in path.read_text(encoding="utf-8").splitlines() if "sa." in line}
        for path in (created, dropped)
    ]
    assert columns[0] == columns[1]
