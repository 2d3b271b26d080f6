"""Sample values for examples and tests: Python code of their JSON form."""

from decimal import Decimal

from tools.resource.fields import Field, quoted
from tools.resource.kinds import TIMES
from tools.resource.names import article
from tools.resource.options import EMPTY

# Minimum number of values of a field that differs in each row.
DISTINCT = 10


def lowest(field: Field) -> int:
    """Returns the number from which a field that differs in each row counts up."""
    if field.low is not None:
        return int(field.low)
    return 0 if field.high is None else min(0, int(field.high) - DISTINCT + 1)


def can_differ(field: Field) -> bool:
    """Returns whether the field has enough values to differ in each row of a test."""
    if field.kind == "int":
        return field.high is None or field.high >= lowest(field) + DISTINCT - 1
    return field.kind in {"str", "email", "date", "datetime", "uuid"} or (
        field.to is not None and not field.to_itself
    )


def example(field: Field) -> str:
    words = field.name.replace("_", " ")
    text = f"{article(words)} {words}"[: field.size].strip()
    return quoted(text) if field.kind == "str" else one(field)


def one(field: Field) -> str:
    return _values(field)[0]


def another(field: Field) -> str:
    return _values(field)[1]


def lower_and_upper(field: Field) -> tuple[str, str]:
    """Returns two values, the lower one first."""
    if field.kind in TIMES:
        return one(field), another(field)
    step = Decimal(1).scaleb(-field.places if field.kind == "decimal" else 0)
    low, high = field.low, field.high
    if low is None:
        low = Decimal(0) if high is None else high - step
    return _sent(field, low), _sent(field, low + step if high is None else high)


def changed(field: Field) -> str:
    """Returns a new value for a PATCH."""
    if field.to_itself:
        return "None"
    return f'create_{field.to.name}(client)["id"]' if field.to else another(field)


def wrong(field: Field) -> list[str]:
    """Returns invalid values."""
    values = [] if field.optional else ["None"]
    if field.kind in {"str", "text"}:
        values += ['""'] if field.kind == "str" else []
        values += [f'"x" * {field.size + 1}', '"a\\x00b"', "1"]
    if field.element:
        values += [one(field.element), f"[{one(field.element)}] * 101"]
    if field.kind == "url":
        values += [f'"https://example.com/" + "x" * {field.size}']
    if field.kind == "int":
        values += ["-(2**31)"] if field.low is None else []
        values += ["2**31"] if field.high is None else []
    if field.kind == "decimal":
        more = ("0." + "0" * field.places + "1", "1" + "0" * (field.digits - field.places))
        values += map(quoted, more)
    values += [_sent(field, field.low - 1)] if field.low is not None else []
    values += [_sent(field, field.high + 1)] if field.high is not None else []
    return [*values, *field.of.wrong]


def answered(default: str) -> str:
    """Returns a default as it appears in a response."""
    if default in {"()", EMPTY}:
        return "[]" if default == "()" else "{}"
    return default.removeprefix("Decimal(").removesuffix(")") or "None"


def _values(field: Field) -> list[str]:
    if field.choices:
        return [quoted(choice) for choice in field.choices]
    if field.element:
        one, another = _values(field.element)[:2]
        return [f"[{one}, {another}]", f"[{another}]"]
    if field.kind == "str":
        return [quoted("one"[: field.size]), quoted("another"[: field.size])]
    if field.kind == "text":
        return [quoted("some words"[: field.size]), quoted("other words"[: field.size])]
    if field.of.values:
        return [_in_order(field, value) for value in field.of.values]
    bounds = [bound for bound in (field.low, field.high) if bound is not None]
    if field.kind == "decimal":
        bounds += [Decimal(0), Decimal(1).scaleb(-field.places)]
    numbers = [n for n in (Decimal(12), Decimal(13), *bounds) if _is_allowed(field, n)]
    return [_sent(field, number) for number in (*numbers, *numbers)]


def _is_allowed(field: Field, number: Decimal) -> bool:
    low, high = field.low, field.high
    if field.kind == "decimal" and number >= 10 ** (field.digits - field.places):
        return False
    return (low is None or number >= low) and (high is None or number <= high)


def _sent(field: Field, number: Decimal) -> str:
    written = field.written(number)
    return answered(written) if field.kind == "decimal" else written


def _in_order(field: Field, time: str) -> str:
    """Moves the year past those of earlier fields, so that an end is after its start."""
    return time.replace("2026", str(2026 + field.earlier))
