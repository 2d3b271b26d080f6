"""What a revision does to the column of a field, and to what is named after it."""

import re
from collections.abc import Iterator

from tools.resource.columns import check, in_revision
from tools.resource.fields import Field, Target, quoted

# A field before and after; None where it is not there.
Pair = tuple[Field | None, Field | None]


def keys(resource: Target, field: Field | None) -> dict[str, tuple[str, str]]:
    """Its constraints and its index by their names: the lines that create and drop each."""
    if field is None:
        return {}
    found = {}
    table, column = resource.plural, quoted(field.column)
    if condition := check(field):
        name = f"ck_{table}_{field.column}"
        found[name] = (
            f"batch.create_check_constraint(op.f({quoted(name)}), {quoted(condition)})",
            f'batch.drop_constraint(op.f({quoted(name)}), type_="check")',
        )
    if field.to:
        name = f"fk_{table}_{field.column}"
        rule = f", ondelete={quoted(field.on_delete)}" if field.on_delete else ""
        to = f'{quoted(field.to.plural)}, [{column}], ["id"]'
        found[name] = (
            f"batch.create_foreign_key(op.f({quoted(name)}), {to}{rule})",
            f'batch.drop_constraint(op.f({quoted(name)}), type_="foreignkey")',
        )
    if field.unique:
        name = f"uq_{table}_{'owner_' * resource.owned}{field.column}"
        columns = f'["owner", {column}]' if resource.owned else f"[{column}]"
        found[name] = (
            f"batch.create_unique_constraint(op.f({quoted(name)}), {columns})",
            f'batch.drop_constraint(op.f({quoted(name)}), type_="unique")',
        )
    elif field.to:
        name = f"ix_{table}_{field.column}"
        found[name] = (
            f"batch.create_index(op.f({quoted(name)}), [{column}])",
            f"batch.drop_index(op.f({quoted(name)}))",
        )
    return found


def blocks(resource: Target, pairs: list[Pair]) -> list[list[str]]:
    """What is done in each `op.batch_alter_table`."""
    gone, come = [], []
    for old, new in pairs:
        before, after = (dict(keys(resource, field).values()) for field in (old, new))
        gone += [drop for create, drop in before.items() if create not in after]
        come += [create for create in after if create not in before]
    columns = [line for old, new in pairs for line in _column(old, new)]
    gone.reverse()
    # Alembic knows a renamed column by its old name until the block ends.
    is_renamed = any(old and new and old.column != new.column for old, new in pairs)
    found = [[*gone, *columns], come] if is_renamed else [[*gone, *columns, *come]]
    return [block for block in found if block]


def _column(old: Field | None, new: Field | None) -> Iterator[str]:
    if old and new:
        if changes := [*_changes(old, new)]:
            yield f"batch.alter_column({quoted(old.column)}, {', '.join(changes)})"
    elif new:
        default = f"server_default={in_database(new)}, " if new.default else ""
        yield (
            f"batch.add_column(sa.Column({quoted(new.column)}, {in_revision(new)}, "
            f"{default}nullable={new.optional}))"
        )
    elif old:
        yield f"batch.drop_column({quoted(old.column)})"


def _changes(old: Field, new: Field) -> Iterator[str]:
    if old.column != new.column:
        yield f"new_column_name={quoted(new.column)}"
    if in_revision(old) != in_revision(new):
        yield f"type_={in_revision(new)}"
    if old.optional != new.optional:
        yield f"nullable={new.optional}"
    if old.default != new.default:
        yield f"server_default={in_database(new)}"


def in_database(field: Field) -> str:
    """Its default in the database: for rows that are there, and those that an earlier release adds."""
    if field.kind == "decimal" and field.default:
        number = re.sub(r'Decimal\("(.*)"\)', r"\1", field.default)
{% if cookiecutter.database == "sqlite" %}
        return f'sa.text("{int(number.replace(".", ""))}")'
{% else %}
        return f'sa.text("{number}")'
{% endif %}
    if field.kind == "bool" and field.default:
        return f"sa.{field.default.lower()}()"
    if field.kind in {"int", "float"} and field.default:
        return f'sa.text("{field.default}")'
    return field.default or "None"
