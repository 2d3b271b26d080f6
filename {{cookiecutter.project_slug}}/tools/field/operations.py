"""The operations of a revision on columns, and on constraints and indexes named after them."""

import re
from collections.abc import Iterable, Iterator, Sequence

from tools.resource.columns import check, in_revision, lowered, unique_name
from tools.resource.fields import Field, Target, quoted

# A field before and after; None where it does not exist.
Pair = tuple[Field | None, Field | None]
{% if cookiecutter.database == "sqlite" %}
# Other operations recreate the table, without its indexes of expressions.
IN_PLACE = ("batch.add_column(", "batch.create_index(", "batch.drop_index(")
{% endif %}
Rule = Sequence[Field]  # fields that are unique together


def keys(
    resource: Target, fields: Iterable[Field | None], rules: Iterable[Rule]
) -> dict[str, tuple[str, str]]:
    """Returns constraints and indexes by name: the lines that create and drop each."""
    found = [key for field in fields if field for key in _keys(resource, field)]
    return dict([*found, *(_unique(resource, rule) for rule in rules)])


def _keys(resource: Target, field: Field) -> Iterator[tuple[str, tuple[str, str]]]:
    table, column = resource.plural, quoted(field.column)
    if condition := check(field):
        name = f"ck_{table}_{field.column}"
        create = f"batch.create_check_constraint(op.f({quoted(name)}), {quoted(condition)})"
        yield name, (create, f'batch.drop_constraint(op.f({quoted(name)}), type_="check")')
    if field.to:
        name = f"fk_{table}_{field.column}"
        rule = f", ondelete={quoted(field.on_delete)}" if field.on_delete else ""
        to = f'{quoted(field.to.plural)}, [{column}], ["id"]'
        create = f"batch.create_foreign_key(op.f({quoted(name)}), {to}{rule})"
        yield name, (create, f'batch.drop_constraint(op.f({quoted(name)}), type_="foreignkey")')
    owner = ["owner"] * resource.owned
    if field.index:
        name = f"ix_{table}_{'_'.join([*owner, field.column])}_id"
        listed = ", ".join(map(quoted, [*owner, field.column, "id"]))
        create = f"batch.create_index(op.f({quoted(name)}), [{listed}])"
        yield name, (create, f"batch.drop_index(op.f({quoted(name)}))")
    if field.nocase:
        yield _nocase(resource, field)
    elif field.unique:
        yield _unique(resource, [field])
    elif field.to:
        name = f"ix_{table}_{field.column}"
        create = f"batch.create_index(op.f({quoted(name)}), [{column}])"
        yield name, (create, f"batch.drop_index(op.f({quoted(name)}))")


def _nocase(resource: Target, field: Field, more: str = "") -> tuple[str, tuple[str, str]]:
    """Returns an index of an expression, which a batch does not support."""
    name, table = unique_name(resource, field), quoted(resource.plural)
    listed = ", ".join(['"owner"'] * resource.owned + [f"sa.text({quoted(lowered(field))})"])
    create = f"op.create_index(op.f({quoted(name)}), {table}, [{listed}], unique=True{more})"
    return name, (create, f"op.drop_index(op.f({quoted(name)}), {table})")


def _unique(resource: Target, fields: Rule) -> tuple[str, tuple[str, str]]:
    columns = [*(["owner"] if resource.owned else []), *(field.column for field in fields)]
    name = f"uq_{resource.plural}_{'_'.join(columns)}"
    listed = ", ".join(map(quoted, columns))
    create = f"batch.create_unique_constraint(op.f({quoted(name)}), [{listed}])"
    return name, (create, f'batch.drop_constraint(op.f({quoted(name)}), type_="unique")')


def blocks(
    resource: Target, pairs: list[Pair], old_rules: list[Rule], new_rules: list[Rule]
) -> list[list[str]]:
    """Returns the lines of each `op.batch_alter_table`, or those outside of one."""
    before = dict(keys(resource, (old for old, _ in pairs), old_rules).values())
    after = dict(keys(resource, (new for _, new in pairs), new_rules).values())
    drops = [drop for create, drop in before.items() if create not in after]
    creates = [create for create in after if create not in before]
    columns = [line for old, new in pairs for line in _column(old, new)]
    drops.reverse()
    outside = [[line for line in lines if line.startswith("op.")] for lines in (drops, creates)]
    drops, creates = (
        [line for line in lines if line.startswith("batch.")] for lines in (drops, creates)
    )
{% if cookiecutter.database == "sqlite" %}
    if any(not line.startswith(IN_PLACE) for line in (*drops, *columns, *creates)):
        remaining = [new for old, new in pairs if old and new and old.nocase and new.nocase]
        outside[1] += [
            _nocase(resource, field, ", if_not_exists=True")[1][0] for field in remaining
        ]
{% endif %}
    # Alembic knows a renamed column by its old name until the block ends.
    is_renamed = any(old and new and old.column != new.column for old, new in pairs)
    batches = [[*drops, *columns], creates] if is_renamed else [[*drops, *columns, *creates]]
    return [block for block in (outside[0], *batches, outside[1]) if block]


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
    """Returns the server default, for existing rows and those that the previous release adds."""
    if field.kind == "decimal" and field.default:
        number = re.sub(r'Decimal\("(.*)"\)', r"\1", field.default)
{% if cookiecutter.database == "sqlite" %}
        return f'sa.text("{int(number.replace(".", ""))}")'
{% else %}
        return f'sa.text("{number}")'
{% endif %}
    if field.kind == "json" and field.default:
        return """sa.text("'{}'")"""
    if field.element and field.default:
{% if cookiecutter.database == "sqlite" %}
        return """sa.text("'[]'")"""
{% else %}
        return """sa.text("'{}'")"""
{% endif %}
    if field.kind == "bool" and field.default:
        return f"sa.{field.default.lower()}()"
    if field.kind in {"int", "float"} and field.default:
        return f'sa.text("{field.default}")'
    return field.default or "None"
