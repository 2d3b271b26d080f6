"""Options of field types: lengths, choices, references, bounds and defaults."""

import re
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

from app.schemas.base import DIGITS, MAX_INT, PLACES
from tools.resource.fields import Field, Link, Target, quoted
from tools.resource.names import NAME, Refused, check_field, singular_of

NUMBERS = {
    "int": r"-?[0-9]{1,10}",
    "float": r"-?[0-9]{1,15}(\.[0-9]{1,15})?",
    "decimal": "",  # depends on its precision
}
# Descriptions of valid numbers for error messages.
VALID_NUMBERS = {
    "int": f"a whole number from {-MAX_INT} to {MAX_INT}",
    "float": "at most 15 digits before the decimal point and 15 after it",
}
# What happens to a row when the row that it references is deleted.
ON_DELETE = {"restrict": "RESTRICT", "cascade": "CASCADE", "null": "SET NULL"}
SECRET = re.compile(r"(^|_)(pas+wo?r?d|pass(phrase)?|pwd|token|secrete?)($|_)")  # from ruff's S105
EMPTY = "Field(default_factory=dict)"
WORD = re.compile(r"[\w.,+-]+")
LONGEST_EMAIL = 254
DEFAULT_SIZES = {"str": 255, "text": 2000, "url": 2083}
LONGEST = {"str": 10_000, "text": 100_000, "url": 2083}
SHORTEST = {"url": 50}  # fits the sample values of the tests
LONGEST_CONSTRAINT = 63  # bytes


def size(kind: str, argument: str | None, spec: str) -> int:
    if argument is None:
        return DEFAULT_SIZES[kind]
    shortest, longest = SHORTEST.get(kind, 1), LONGEST[kind]
    if not re.fullmatch(r"[1-9][0-9]{0,5}", argument) or int(argument) < shortest:
        raise Refused(f"{argument!r} in {spec!r} is not a length: use {shortest} to {longest}")
    if int(argument) > longest:
        more = ", or the type text" if kind == "str" else ""
        raise Refused(f"{spec!r} is too long: use at most {longest}{more}")
    return int(argument)


def precision(argument: str | None, spec: str) -> tuple[int, int]:
    """Returns the digits of a decimal and how many of them are decimal places."""
    if argument is None:
        return DIGITS, PLACES
    found = re.fullmatch(r"([1-9][0-9]?) *, *(0|[1-9][0-9]?)", argument)
    if not found or not int(found[2]) <= int(found[1]) <= DIGITS:
        raise Refused(
            f"{argument!r} in {spec!r} is not a precision: use the number of digits, at most {DIGITS}, "
            "and how many of them are decimal places, like decimal(12,2)"
        )
    return int(found[1]), int(found[2])


def element(argument: str | None, spec: str) -> Field:
    """Returns the element of an array as a field."""
    found = re.fullmatch(r"(int|str)(?:\(([^()]*)\))?", argument or "")
    if not found or (found[1] == "int" and found[2] is not None):
        raise Refused(f"{spec!r} has no valid element type: use array(str(30)) or array(int)")
    kind = found[1]
    return Field("", kind, size=size(kind, found[2], spec) if kind == "str" else 0)


def choices(argument: str | None, spec: str) -> tuple[str, ...]:
    values = tuple(value.strip() for value in (argument or "").split(","))
    if not all(map(NAME.fullmatch, values)) or len({*values}) < max(2, len(values)):
        raise Refused(
            f"{spec!r} needs two or more different values of lowercase letters, digits and single "
            "underscores, starting with a letter, like enum(draft,in_progress)"
        )
    return values


def target(root: Path, name: str, own: Target, spec: str) -> Target:
    """Returns the resource with this name: `own` or an existing one."""
    existing = resources(root)
    for to in (own, *existing):
        if name not in {to.name, to.entity, to.plural}:
            continue
        if to is own:
            return own
        test = root / "tests" / "api" / f"test_{to.plural}.py"
        if own.plural in _referenced(root, to.plural):
            raise Refused(
                f"{spec!r} would create a cycle, because {to.name} already references {own.name}: "
                "create a resource that references both instead"
            )
        if test.is_file() and "\ndef create(client: " in test.read_text(encoding="utf-8"):
            return to
        raise Refused(
            f"{spec!r} needs create(client) in tests/api/{test.name}, which has none: write it first"
        )
    known = ", ".join(f"ref({to.name})" for to in existing)
    advice = f"use one of {known}" if known else "create that resource first"
    raise Refused(f"{spec!r} does not reference an existing resource: {advice}")


def _referenced(root: Path, plural: str) -> set[str]:
    """Returns the resources that the schemas of one import, directly or indirectly."""
    found, left = set[str](), [plural]
    while left:
        path = root / "app" / "schemas" / f"{left.pop()}.py"
        text = path.read_text(encoding="utf-8") if path.is_file() else ""
        more = {*re.findall(r"^from app\.schemas\.(\w+) import", text, re.MULTILINE)} - found
        found |= more
        left += more
    return found


def reference(root: Path, field: Field, argument: str | None, own: Target, spec: str) -> Field:
    """Returns the field with its target and ON DELETE rule."""
    name, _, rule = (part.strip() for part in (argument or "").partition(","))
    to = target(root, name, own, spec)
    if rule and rule not in ON_DELETE:
        raise Refused(
            f"{rule!r} in {spec!r} is not a delete rule: use {', '.join(ON_DELETE)}, or omit it for "
            "restrict"
        )
    if rule == "null" and not field.optional:
        raise Refused(f"{spec!r} cannot be set to null: add ?, or use cascade")
    if to is not own:
        return replace(field, to=to, on_delete=ON_DELETE[rule or "restrict"])
    if not field.optional:
        raise Refused(
            f"{spec!r} references its own resource, so nobody could create the first row: add ?"
        )
    if field.unique:
        raise Refused(f"{spec!r} references its own resource and cannot be unique: remove :unique")
    # RESTRICT would reject deleting a row and its references in one statement.
    rule = "" if rule == "restrict" else rule
    return replace(field, to=to, to_itself=True, on_delete=ON_DELETE.get(rule, ""))


def link(root: Path, name: str, argument: str | None, own: Target, spec: str) -> Link:
    to = target(root, argument or "", own, spec)
    if to is own:
        raise Refused(
            f"{spec!r} links the resource to itself: create a resource for the link, with two fields "
            f"ref({own.name})"
        )
    one = to.name if name == to.plural else singular_of(name)
    found = Link(name, one, own.name, to)
    check_field(found.keys)
    for key in (found.own_key, found.key):
        if len(constraint := f"fk_{found.table}_{key}") > LONGEST_CONSTRAINT:
            raise Refused(f"{constraint!r} is too long for a constraint: use a shorter name")
    if tables(root).get(found.table, own.plural) != own.plural:
        raise Refused(f"the table {found.table!r} already exists: rename {name!r}")
    return found


def tables(root: Path) -> dict[str, str]:
    """Returns each table's name with the name of its module."""
    return {
        name: path.stem
        for path in sorted((root / "app" / "db" / "tables").glob("*.py"))
        for name in re.findall(
            r'(?:__tablename__ = |= Table\(\s*)"(\w+)"', path.read_text(encoding="utf-8")
        )
    }


def resources(root: Path) -> list[Target]:
    """Returns the existing resources: schemas without a repository, such as users, are none."""
    return [
        Target(
            re.sub(r"(?<!^)(?=[A-Z])", "_", entity).lower(), path.stem, is_owned(root, path.stem)
        )
        for path in sorted((root / "app" / "schemas").glob("*.py"))
        if (root / "app" / "repositories" / path.name).is_file()
        for entity in re.findall(
            r"^class (\w+)\(Entity\):", path.read_text(encoding="utf-8"), re.MULTILINE
        )
    ]


def named(root: Path, name: str) -> Target:
    """Returns the existing resource with this name, plural or class."""
    existing = resources(root)
    for resource in existing:
        if name in {resource.name, resource.entity, resource.plural}:
            return resource
    known = ", ".join(resource.name for resource in existing)
    raise Refused(
        f"{name!r} is not a resource: use one of {known}" if known else "there are no resources"
    )


def is_owned(root: Path, plural: str) -> bool:
    table = root / "app" / "db" / "tables" / f"{plural}.py"
    return table.is_file() and "(OwnedTable):" in table.read_text(encoding="utf-8")


def number(field: Field, text: str, spec: str) -> Decimal:
    kind = field.kind
    if kind not in NUMBERS:
        raise Refused(f"{spec!r} has a bound, which only {', '.join(NUMBERS)} can have: remove it")
    pattern = field.precision.pattern if kind == "decimal" else NUMBERS[kind]
    if not re.fullmatch(pattern, text) or (kind == "int" and abs(int(text)) > MAX_INT):
        raise Refused(f"{text!r} in {spec!r} is not a valid {kind}: use {_valid_numbers(field)}")
    return Decimal(text)


def _valid_numbers(field: Field) -> str:
    if field.kind == "decimal":
        before = field.digits - field.places
        return f"at most {before} digits before the decimal point and {field.places} after it"
    return VALID_NUMBERS[field.kind]


def default(field: Field, text: str | None, spec: str) -> str:
    """Returns the default as Python code."""
    if field.kind == "array" and text is None and not field.optional:
        return "()"
    if text is None:
        return ""
    if field.kind in {"str", "text"} and SECRET.search(field.name):
        raise Refused(f"{spec!r} would write a secret into the code: remove the default")
    if field.kind in NUMBERS:
        value = number(field, text, spec)
        low, high = field.low, field.high
        if (low is None or low <= value) and (high is None or value <= high):
            return field.written(value)
    elif field.kind == "bool" and text in {"true", "false"}:
        return text.title()
    elif field.kind == "json" and text == "{}":
        return EMPTY
    elif text in field.choices or _is_text(field, text):
        return quoted(text)
    raise Refused(f"{text!r} in {spec!r} is not a valid default: {_valid_defaults(field)}")


def _valid_defaults(field: Field) -> str:
    """Returns a description of valid defaults for error messages."""
    if field.kind in NUMBERS:
        return "use one within its bounds"
    if field.kind in {"str", "text"}:
        return f"use up to {field.size} letters, digits and _ . , + -"
    if values := field.choices or ("true", "false") * (field.kind == "bool"):
        return f"use {' or '.join(values)}"
    if field.kind == "json":
        return "use {}"
    return f"the type {field.kind} cannot have one, so remove it"


def some_default(field: Field) -> str:
    """Returns a valid default as it is typed, or an empty string if there is none."""
    if field.kind in NUMBERS:
        zero = Decimal(0)
        low = zero if field.low is None else field.low
        return f"{max(low, zero) if field.high is None else min(max(low, zero), field.high):f}"
    if field.kind in {"str", "text"}:
        return "" if SECRET.search(field.name) else "unknown"[: field.size]
    if field.kind == "enum":
        return field.choices[0]
    return {"bool": "false", "json": "{}"}.get(field.kind, "")


def _is_text(field: Field, text: str) -> bool:
    fits = field.kind in {"str", "text"} and len(text) <= field.size
    return fits and WORD.fullmatch(text) is not None
