"""Values in factories: for each field an expression of `number`, in its JSON form."""

from collections.abc import Callable, Collection
from dataclasses import replace
from decimal import Decimal
from math import ceil, floor

from tools.resource.fields import Field, quoted
from tools.resource.names import singular_of
from tools.resource.parse import Resource
from tools.resource.samples import can_differ, lowest, one

# Number of different values of fields that need not differ in all rows.
STEPS = 100


def distinct(resource: Resource) -> set[str]:
    """Returns keys of fields that differ in all rows: unique, or one of each `unique(...)`."""
    rules = ([field for field in rule if can_differ(field)] for rule in resource.together)
    unique = [field for field in resource.fields if field.unique]
    return {field.key for field in (*unique, *(rule[-1] for rule in rules))}


def numbered(field: Field, distinct: Collection[str]) -> str:
    if field.to is None:
        return VALUES[field.kind](field)
    # Several rows share one referenced row; self-references form a tree.
    shared = "number // 2" if field.to_itself else "number // 3"
    return f'id_of("{field.to.plural}", {"number" if field.key in distinct else shared})'


def _text(field: Field) -> str:
    words = field.name.replace("_", " ")
    if field.size >= len(words) + 8:
        return f'f"{words} ' + '{number}"'
    return "str(number)" if field.size > STEPS else f"str(number % {10**field.size})"


def _url(field: Field) -> str:
    is_long = field.size >= len("https://example.com/12345678")
    return 'f"https://example.com/{number}"' if is_long else one(field)


def _int(field: Field) -> str:
    low = lowest(field)
    if field.high is None and field.differs:
        return "number" if low in {0, 1} else _from(low, "number")
    count = STEPS if field.high is None else int(field.high) - low + 1
    return _counted(low, count if field.differs else min(count, STEPS))


def _float(field: Field) -> str:
    low, high = field.low, field.high
    if low is None:
        low = Decimal(0) if high is None else min(Decimal(0), high)
    count = STEPS if high is None else min(STEPS, int((high - low) * 2))
    return _from(float(low), f"number % {count} / 2") if count > 1 else one(field)


def _decimal(field: Field) -> str:
    low, largest = max(0, ceil(field.low or 0)), 10 ** (field.digits - field.places)
    high = largest if field.high is None else min(largest, floor(field.high))
    count = min(STEPS, high - low)
    cents = "." + "99".ljust(field.places, "0")[: field.places] if field.places else ""
    return 'f"{' + _counted(low, count) + f'}}{cents}"' if count > 1 else one(field)


def _array(field: Field) -> str:
    if field.element is None:
        return "[]"
    element = replace(field.element, name=singular_of(field.name))
    return f"[{VALUES[element.kind](element)}]"


def _date(field: Field) -> str:
    year = 2026 + field.earlier
    if field.differs:
        return f"str(date({year}, 1, 1) + timedelta(days=number))"
    return f'f"{year}-' + '{number % 12 + 1:02}-{number % 28 + 1:02}"'


def _datetime(field: Field) -> str:
    year = 2026 + field.earlier
    if field.differs:
        start = f"datetime({year}, 1, 1, tzinfo=UTC)"
        return 'f"{' + start + ' + timedelta(minutes=number):%Y-%m-%dT%H:%M:%SZ}"'
    return f'f"{year}-' + '{number % 12 + 1:02}-{number % 28 + 1:02}T{number % 24:02}:00:00Z"'


def _enum(field: Field) -> str:
    return f"({', '.join(map(quoted, field.choices))})[number % {len(field.choices)}]"


VALUES: dict[str, Callable[[Field], str]] = {
    "str": _text,
    "text": _text,
    "email": lambda field: f'f"{field.name}' + '{number}@example.com"',
    "url": _url,
    "int": _int,
    "float": _float,
    "decimal": _decimal,
    "bool": lambda _: "number % 2 == 0",
    "date": _date,
    "datetime": _datetime,
    "uuid": lambda _: "str(UUID(int=number))",
    "json": lambda field: '{"' + field.name + '": number}',
    "array": _array,
    "enum": _enum,
}


def _counted(low: int, count: int) -> str:
    return _from(low, f"number % {count}") if count > 1 else str(low)


def _from(low: float, number: str) -> str:
    if low == 0:
        return number
    return f"{number} + {low}" if low > 0 else f"{number} - {-low}"
