"""The revision that drops the tables of a resource; its downgrade creates them again."""

import ast
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

from alembic.autogenerate import render_op_text
from alembic.autogenerate.api import AutogenContext
from alembic.migration import MigrationContext
from alembic.operations import ops
from sqlalchemy import Table

from app.db.base import Base
from app.db.migrate import render_item
from tools.resource.render import MIGRATIONS, must_be_new, next_revision, rendered, tidy

{% if cookiecutter.database == "sqlite" %}
DIALECT = "sqlite"
{% else %}
DIALECT = "postgresql"
{% endif %}


def tables_of(root: Path, plural: str) -> list[Table]:
    """Returns the tables that the module defines, each after those that it references."""
    path = root / "app" / "db" / "tables" / f"{plural}.py"
    if not path.is_file():
        return []
    module = import_module(f"app.db.tables.{plural}")
    own = {getattr(module, name, None) for name in _defined(path.read_text(encoding="utf-8"))}
    tables = {each if isinstance(each, Table) else getattr(each, "__table__", None) for each in own}
    return [table for table in Base.metadata.sorted_tables if table in tables]


def _defined(text: str) -> Iterator[str]:
    """Yields the names that a module defines, without those that it imports."""
    for node in ast.parse(text).body:
        if isinstance(node, ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Assign):
            yield from (name.id for name in node.targets if isinstance(name, ast.Name))


def drop(root: Path, plural: str, tables: list[Table]) -> tuple[Path, str]:
    path, ids = next_revision(root, f"drop_{plural}")
    context = AutogenContext(
        MigrationContext.configure(dialect_name=DIALECT),
        opts={
            "sqlalchemy_module_prefix": "sa.",
            "alembic_module_prefix": "op.",
            "user_module_prefix": None,
            "render_item": render_item,
            "render_as_batch": False,
        },
        autogenerate=False,
    )
    ups = [ops.DropTableOp(table.name) for table in reversed(tables)]
    downs: list[ops.MigrateOperation] = []
    for table in tables:
        downs.append(ops.CreateTableOp.from_table(table))
        indexes = sorted(table.indexes, key=lambda index: str(index.name))
        downs += map(ops.CreateIndexOp.from_index, indexes)
    upgrades, downgrades = (
        "\n    ".join(render_op_text(context, op) for op in steps) for steps in (ups, downs)
    )
    text = rendered(
        root / MIGRATIONS / "script.py.mako",
        {
            "message": f"drop {plural.replace('_', ' ')}",
            "up_revision": ids["revision"],
            "down_revision": ids["down_revision"],
            "comma": lambda revision: revision or "",
            "branch_labels": None,
            "depends_on": None,
            "imports": "\n".join(sorted(context.imports)),
            "upgrades": upgrades,
            "downgrades": downgrades,
        },
    )
    text = tidy(root, path, text)
    must_be_new(root, text)
    return path, text
