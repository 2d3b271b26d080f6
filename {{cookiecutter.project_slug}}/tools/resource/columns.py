"""Renders fields as columns of tables and revisions."""

from decimal import Decimal

from sqlalchemy.sql.compiler import RESERVED_WORDS

from app.db.base import BY_CODE_POINT
from tools.resource.fields import Field, Target, quoted

ELEMENTS = {"int": "sa.Integer()", "str": "sa.String()"}


def mapped(field: Field) -> str:
    """Returns the annotation and value of a table's attribute."""
    python = field.of.python.format(element=field.element.of.python if field.element else "")
    kind = f"Mapped[{python}{' | None' if field.optional else ''}]"
    sizes = {
        "str": f"{field.size}, collation=BY_CODE_POINT",
        "email": f"{field.size}, collation=BY_CODE_POINT",
        "text": f"{field.size}",
        "url": f"{field.size}",
        "enum": f"{_longest(field)}",
    }
    arguments = [quoted(field.stored)] if field.stored else []
    arguments += [f"String({sizes[field.kind]})"] if field.kind in sizes else []
    arguments += [f"Exact({field.digits}, {field.places})"] if field.has_own_precision else []
    if field.to:
        rule = f', ondelete="{field.on_delete}"' if field.on_delete else ""
        arguments.append(f'ForeignKey("{field.to.plural}.id"{rule})')
        arguments += [] if field.unique else ["index=True"]
    arguments += [f'key="{field.key}"'] if field.stored else []
    return f"{kind} = mapped_column({', '.join(arguments)})" if arguments else kind


def related(field: Field, to: Target, keys: list[tuple[Field, Target]]) -> str:
    """Returns the annotation and value of a relationship."""
    table = f"{to.entity}Table"
    kind = f"{table}{' | None' if field.optional else ''}"
    is_alone = [other for _, other in keys].count(to) == 1
    more = "" if is_alone else f", foreign_keys=[{field.key}]"
    if field.to_itself:
        kind, more = f'"{kind}"', f'{more}, remote_side="{table}.id"'
    return f'Mapped[{kind}] = relationship(lazy="raise"{more})'


def in_revision(field: Field) -> str:
    """Returns the column type in a revision."""
    return field.of.column.format(
        size=_longest(field) or field.size,
        collation=f'"{BY_CODE_POINT}"',
        digits=field.digits,
        places=field.places,
        element=ELEMENTS[field.element.kind] if field.element else "",
    )


def unique_name(resource: Target, field: Field) -> str:
    """Returns the name of the field's unique constraint or index."""
    return f"uq_{resource.plural}_{'owner_' * resource.owned}{field.column}"


def check(field: Field) -> str:
    """Returns the condition of the field's CHECK constraint, or an empty string."""
    column = _in_sql(field)
    if field.choices:
        return f"{column} IN ({', '.join(map(repr, field.choices))})"
    bounds = ((">=", field.low), ("<=", field.high))
    limits = [f"{column} {sign} {_stored(field, n)}" for sign, n in bounds if n is not None]
    return " AND ".join(limits)


def lowered(field: Field) -> str:
    """Returns the indexed expression of a field that is unique regardless of case."""
    return f"lower({_in_sql(field)})"


def _in_sql(field: Field) -> str:
    return f'"{field.column}"' if field.column in RESERVED_WORDS else field.column


def _stored(field: Field, number: Decimal) -> str:
    if field.kind == "decimal":
{% if cookiecutter.database == "sqlite" %}
        return str(int(number.scaleb(field.places)))
{% else %}
        return f"{number:f}"
{% endif %}
    return field.written(number)


def _longest(field: Field) -> int:
    return max(map(len, field.choices), default=0)
