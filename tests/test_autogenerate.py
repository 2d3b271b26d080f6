"""A revision's index for fast search passes all checks, and the next revision keeps it."""

import re
from pathlib import Path

import pytest

from tests.conftest import Bake, Service, commit, each_choice

pytestmark = pytest.mark.slower

UP = {
    "sqlite": """
    op.execute("CREATE VIRTUAL TABLE items_search USING fts5(id, name, tokenize='trigram')")
    op.execute("INSERT INTO items_search SELECT id, name FROM items")
    op.execute(
        "CREATE TRIGGER items_added AFTER INSERT ON items "
        "BEGIN INSERT INTO items_search VALUES (new.id, new.name); END"
    )
""",
}
DOWN = {
    "sqlite": """
    op.execute("DROP TRIGGER items_added")
    op.execute("DROP TABLE items_search")
""",
    "postgres": """
    op.drop_index("ix_items_name_trgm", "items")
    op.execute("DROP EXTENSION pg_trgm")
""",
}


@each_choice
def test_autogenerate_keeps_the_index_for_fast_search(bake: Bake, answers: dict[str, str]) -> None:
    service = bake(**answers)
    service.run("make", "install")
    commit(service, "First commit")
    lines = re.findall(r"`(op\..+)`", service.read("docs/api.md"))
    up = UP.get(answers["database"]) or "".join(f"    {line}\n" for line in lines)
    with service.throwaway("database") as url:
        search = generated_revision(service, url)
        text = search.read_text(encoding="utf-8")
        for body in (up, DOWN[answers["database"]]):
            assert "    pass\n" in text
            text = text.replace("    pass\n", body, 1)
        search.write_text(text, encoding="utf-8")
        service.run("make", "format")
        next_revision = generated_revision(service, url).read_text(encoding="utf-8")
        assert next_revision.count("    pass\n") == 2
        assert "import sqlalchemy as sa\nfrom alembic import op\n" in next_revision
        service.run("make", "migrate", DATABASE_URL=url)
    service.run("uv", "run", "ruff", "format", "--check")
    service.run("uv", "run", "ruff", "check")
    service.run("uv", "run", "mypy")
    service.run("uv", "run", "pytest", "tests/db", "tests/api/test_items.py")


def generated_revision(service: Service, url: str) -> Path:
    """Runs `make migration` and returns the new revision."""
    folder = service.path / "app" / "db" / "migrations" / "versions"
    before = set(folder.glob("*.py"))
    service.run("make", "migration", "m=search", DATABASE_URL=url)
    (new,) = set(folder.glob("*.py")) - before
    return new
