"""Which objects `alembic revision --autogenerate` and `alembic check` compare with the models."""

import re
{% if cookiecutter.database == "sqlite" %}
import warnings
{% endif %}
from collections.abc import Iterator, Mapping
from itertools import product
from typing import Any

from alembic.autogenerate.api import AutogenContext
from alembic.config import Config
from alembic.operations import ops
from alembic.runtime.plugins import Plugin
from alembic.util import PriorityDispatchResult
from sqlalchemy import (
    CheckConstraint,
    Column,
    Connection,
    Constraint,
    Index,
    MetaData,
    Table,
    inspect,
    text,
)
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql.elements import TextClause, conv

from app.db.base import Base

# Objects that only a revision creates, although their names follow the naming convention: tables,
# indexes and constraints by name, columns like "items.search".
KEPT: frozenset[str] = frozenset()

# A temporary table, created in a savepoint that is rolled back.
TEMPORARY = "alembic_trial"

{% if cookiecutter.database == "sqlite" %}
TABLE_OBJECTS = text(
    "SELECT type, name, sql FROM sqlite_master WHERE tbl_name = :name AND type IN ('index', 'trigger')"
    " AND sql IS NOT NULL ORDER BY type, name"
)

{% endif %}
_checks = Plugin("app.checks")


class Autogenerate:
    """Distinguishes objects that were removed from the models from those that never were in them.

    The database may contain tables and indexes that another program or only a revision has created.
    Those of the models follow the naming convention; only these are dropped.
    """

    def __init__(self, config: Config, connection: Connection) -> None:
        self._config = config
{% if cookiecutter.database == "sqlite" %}
        self._connection = connection
        # SQLAlchemy and Alembic warn that they skip these; _compare_indexes handles them.
        warnings.filterwarnings("ignore", r".*expression-based index")
{% endif %}
        self._inspector = inspect(connection)
        self._ignored: set[str] = set()
        self.options: dict[str, Any] = {
            "autogenerate_plugins": [
                "alembic.autogenerate.*",
                "alembic.ext.checkconstraint_byname",
                _checks.name,
            ],
            "include_name": self._include_name,
            "include_object": self._include_object,
            "process_revision_directives": self._report,
        }

    def _include_name(self, name: str | None, kind: str, parents: Mapping[str, str | None]) -> bool:
        # Decided before a table is reflected: SQLAlchemy may not know the types of its columns.
        known = Base.metadata.tables
        if name is None or kind != "table" or parents["schema_qualified_table_name"] in known:
            return True
        key = self._inspector.get_pk_constraint(name, schema=parents["schema_name"])
        return self._is_managed(f"table {name}", name, key["name"] == f"pk_{name}")

    def _include_object(
        self, item: Any, name: str | None, kind: str, reflected: bool, model: Any
    ) -> bool:
        if not reflected or model is not None or name is None:
            return True
        # Dropping a table drops all of its indexes.
        if kind == "index" and item.table.name in Base.metadata.tables:
            columns = "_".join(column.name for column in item.columns)
            is_conventional = name == f"ix_{item.table.name}_{columns}"
{% if cookiecutter.database == "sqlite" %}
            return self._is_managed(f"index {name}", name, is_conventional)
{% else %}
            uses_dropped_column = _uses_dropped_column(item, item.table)
            return self._is_managed(f"index {name}", name, is_conventional or uses_dropped_column)
{% endif %}
        if isinstance(item, Column):
            return self._is_managed(f"column {item}", str(item), True)
        if isinstance(item, Constraint):
            start = tuple(f"{prefix}_{item.table.name}_" for prefix in ("uq", "ck", "fk"))
            return self._is_managed(f"constraint {name}", name, name.startswith(start))
        return self._is_managed(f"{kind} {name}", name, True)

    def _is_managed(self, item: str, name: str, is_conventional: bool) -> bool:
        if is_conventional and name not in KEPT:
            return True
        self._ignored.add(item)
        return False

    def _report(
        self, context: object, revision: object, scripts: list[ops.MigrationScript]
    ) -> None:
        lines = [line for script in scripts for line in _renames(script)]
{% if cookiecutter.database == "sqlite" %}
        for script in scripts:
            self._recreate_indexes_and_triggers(script)
{% endif %}
        if self._ignored:
            lines.append(
                f"Ignored, because no model defines them: {', '.join(sorted(self._ignored))}."
            )
        for line in lines:
            self._config.print_stdout("%s", line)

{% if cookiecutter.database == "sqlite" %}
    def _recreate_indexes_and_triggers(self, script: ops.MigrationScript) -> None:
        """Recreates triggers and expression indexes, because altering a table may recreate it."""
        changes = [*script.upgrade_ops.ops] if script.upgrade_ops else []
        for table in changes:
            if not isinstance(table, ops.ModifyTableOps) or all(map(_is_of_index, table.ops)):
                continue
            indexes = Base.metadata.tables[table.table_name].indexes
            in_models = {index.name for index in indexes if not _is_of_expressions(index)}
            dropped = {each.index_name for each in table.ops if isinstance(each, ops.DropIndexOp)}
            columns = {each.column_name for each in table.ops if isinstance(each, ops.DropColumnOp)}
            found = self._connection.execute(TABLE_OBJECTS, {"name": table.table_name})
            for kind, name, statement in found:
                if name not in in_models | dropped:
                    # Alembic recreates an index without its collations and its direction.
                    lines = (f'DROP {kind} IF EXISTS "{name}"', statement)
                    uses_dropped_column = not columns.isdisjoint(re.findall(r"\w+", statement))
                    for direction in (
                        *([] if uses_dropped_column else script.upgrade_ops_list),
                        *script.downgrade_ops_list,
                    ):
                        direction.ops += [ops.ExecuteSQLOp(line) for line in lines]

{% endif %}

{% if cookiecutter.database == "postgres" %}
def _uses_dropped_column(index: Index, table: Table) -> bool:
    """Returns whether the index uses a column that was removed from the model."""
    dropped = {column.name for column in table.columns}
    dropped -= {column.name for column in Base.metadata.tables[table.name].columns}
    return not dropped.isdisjoint(re.findall(r"\w+", " ".join(map(str, index.expressions))))


{% endif %}
{% if cookiecutter.database == "sqlite" %}
def _is_of_expressions(index: Index) -> bool:
    return not all(isinstance(each, Column) for each in index.expressions)


def _is_of_index(change: ops.MigrateOperation) -> bool:
    return isinstance(change, ops.CreateIndexOp | ops.DropIndexOp)


{% endif %}
def _renames(script: ops.MigrationScript) -> Iterator[str]:
    """Yields hints for possible renames, which autogenerate treats as a removal and an addition."""
    changes = script.upgrade_ops.ops if script.upgrade_ops else []
    dropped = [change.table_name for change in changes if isinstance(change, ops.DropTableOp)]
    added = [change.table_name for change in changes if isinstance(change, ops.CreateTableOp)]
    for old, name in product(dropped, added):
        yield _rename(f"table {old}", name, f'op.rename_table("{old}", "{name}")')
    for table in changes:
        if isinstance(table, ops.ModifyTableOps):
            dropped = [each.column_name for each in table.ops if isinstance(each, ops.DropColumnOp)]
            added = [each.column.name for each in table.ops if isinstance(each, ops.AddColumnOp)]
            for old, name in product(dropped, added):
{% if cookiecutter.database == "sqlite" %}
                line = f'batch_op.alter_column("{old}", new_column_name="{name}")'
{% else %}
                line = f'op.alter_column("{table.table_name}", "{old}", new_column_name="{name}")'
{% endif %}
                yield _rename(f"column {table.table_name}.{old}", name, line)


def _rename(old: str, new: str, line: str) -> str:
    return (
        f"The {old} is dropped with its data, and {new} is added. If it was renamed, write "
        f"{line} instead of both, and the reverse in downgrade()."
    )


def _compare_checks(
    autogenerate: AutogenContext, changes: ops.ModifyTableOps, *compared: Any
) -> PriorityDispatchResult:
    """Finds CHECK constraints whose condition has changed; Alembic compares only their names."""
    schema, name, stored, model = compared
    if stored is None or model is None or autogenerate.connection is None:
        return PriorityDispatchResult.CONTINUE
    before = _conditions(autogenerate.connection, name, schema)
    checks = {c.name: c.sqltext for c in model.constraints if isinstance(c, CheckConstraint)}
    for key in sorted(before.keys() & checks.keys()):
        after = _normalized(autogenerate.connection, model, key)
        if before[key] != after:
            # An expression would attach the new constraint to the model.
            is_text = isinstance(checks[key], TextClause)
            new = checks[key] if is_text else text(after or str(checks[key]))
            removed, added = (CheckConstraint(c, name=conv(key)) for c in (text(before[key]), new))
            stored.append_constraint(removed)
            stored.append_constraint(added)
            changes.ops.append(ops.DropConstraintOp.from_constraint(removed))
            changes.ops.append(ops.AddConstraintOp.from_constraint(added))
    return PriorityDispatchResult.CONTINUE


_checks.add_autogenerate_comparator(_compare_checks, "table", "conditions")
{% if cookiecutter.database == "sqlite" %}


def _compare_indexes(
    autogenerate: AutogenContext, changes: ops.ModifyTableOps, *compared: Any
) -> PriorityDispatchResult:
    """Finds missing expression indexes; SQLAlchemy does not reflect those of SQLite."""
    _, name, _, model = compared
    if model is not None and autogenerate.connection is not None:
        existing = {
            row.name for row in autogenerate.connection.execute(TABLE_OBJECTS, {"name": name})
        }
        for index in sorted(model.indexes, key=lambda each: str(each.name)):
            if _is_of_expressions(index) and index.name not in existing:
                changes.ops.append(ops.CreateIndexOp.from_index(index))
    return PriorityDispatchResult.CONTINUE


_checks.add_autogenerate_comparator(_compare_indexes, "table", "expressions")
{% endif %}


def _normalized(connection: Connection, model: Table, name: str) -> str | None:
    """Returns a model's condition as the database spells it, from a temporary table."""
    temporary = model.to_metadata(MetaData(), name=TEMPORARY)
    temporary.indexes.clear()
    temporary.primary_key.name = None  # the name of its index is taken
    temporary.constraints.intersection_update([c for c in temporary.constraints if c.name == name])
    savepoint = connection.begin_nested()
    try:
        temporary.create(connection)
        return _conditions(connection, TEMPORARY, model.schema)[name]
    except DBAPIError:  # it needs something that the revision creates, such as a function
        return None
    finally:
        savepoint.rollback()


def _conditions(connection: Connection, table: str, schema: str | None) -> dict[str, str]:
    checks = inspect(connection).get_check_constraints(table, schema=schema)
    return {check["name"]: " ".join(check["sqltext"].split()) for check in checks if check["name"]}
