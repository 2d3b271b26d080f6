"""Reads a resource from the arguments of `make resource`."""

import re
from collections import Counter
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path

from app.schemas.base import MAX_INT, NUMBER
from tools.resource.fields import Field, Target, quoted
from tools.resource.kinds import KINDS
from tools.resource.names import (
    NAME,
    Refused,
    alias_of,
    camel,
    check_field,
    check_resource,
    plural_of,
)
from tools.resource.samples import DISTINCT, lowest

FIELD = re.compile(
    r"(?P<name>[^:]+):(?P<kind>\w+)(\((?P<given>[^)]*)\))?(?P<optional>\?)?"
    r"(>=(?P<low>[^<>=:?]+))?(<=(?P<high>[^<>=:?]+))?(=(?P<default>[^<>=:?]+))?"
    r"(?P<unique>:unique)?"
)
NUMBERS = {
    "int": r"-?\d{1,10}",
    "float": r"-?\d{1,15}(\.\d{1,15})?",
    "decimal": NUMBER,
}
UNIQUE = {"str", "int", "date", "datetime", "uuid", "ref"}
LONGEST_STR = 10_000


@dataclass(frozen=True)
class Resource(Target):
    fields: tuple[Field, ...]

    @property
    def references(self) -> list[tuple[Field, Target]]:
        return [(field, field.to) for field in self.fields if field.to]

    @property
    def targets(self) -> list[Target]:
        return list(dict.fromkeys(to for _, to in self.references))


def parse(root: Path, name: str, fields: str, plural: str = "") -> Resource:
    """The resource that the service in `root` shall have."""
    plural = plural or plural_of(name)
    check_resource(name, plural)
    specs = re.findall(r"(?:[^\s(]|\([^)]*\)?)+", fields)
    if not specs:
        raise Refused('there are no fields: give some, like fields="name:str(128):unique"')
    parsed = tuple(_field(root, camel(name), spec) for spec in specs)
    names = [n for field in parsed for n in {field.name, field.key, field.filter} if n]
    for one, times in Counter(names).items():
        if times > 1:
            raise Refused(f"two fields would have the name {one!r}: call one of them otherwise")
    return Resource(name, plural, parsed)


def _field(root: Path, entity: str, spec: str) -> Field:
    found = FIELD.fullmatch(spec)
    if not found:
        raise Refused(
            f"{spec!r} is no field: write NAME:TYPE, then what there is of ? >=1 <=9 =5 :unique, "
            "in this order"
        )
    name, kind, given = found["name"], found["kind"], found["given"]
    check_field(name)
    if kind not in KINDS:
        raise Refused(f"{kind!r} of {spec!r} is no type: take one of {', '.join(KINDS)}")
    if given is not None and kind not in {"str", "enum", "ref"}:
        raise Refused(f"{kind!r} of {spec!r} takes nothing in parentheses: leave them out")
    if found["unique"] and kind not in UNIQUE:
        raise Refused(f"{kind!r} of {spec!r} cannot be unique: only {', '.join(sorted(UNIQUE))} can")
    field = Field(name, kind, alias_of(name, entity))
    field = replace(field, optional=bool(found["optional"]), unique=bool(found["unique"]))
    if kind == "str":
        field = replace(field, size=_size(given, spec))
    elif kind == "enum":
        field = replace(field, choices=_choices(given, spec))
    elif kind == "ref":
        field = replace(field, to=_target(root, given, spec))
    low, high = (_bound(field, found[bound], spec) for bound in ("low", "high"))
    if low is not None and high is not None and low > high:
        raise Refused(f"{spec!r} lets nothing in: its lower bound is above the other")
    field = replace(field, low=low, high=high)
    if field.unique and kind == "int" and high is not None and high < lowest(field) + DISTINCT - 1:
        raise Refused(f"{spec!r} leaves less than {DISTINCT} different values: widen its bounds")
    return replace(field, default=_default(field, found["default"], spec))


def _size(given: str | None, spec: str) -> int:
    if given is not None and not re.fullmatch(r"[1-9]\d{0,4}", given):
        raise Refused(f"{given!r} of {spec!r} is no length: take 1 to {LONGEST_STR}")
    size = int(given or 255)
    if size > LONGEST_STR:
        raise Refused(f"{spec!r} is too long: take {LONGEST_STR} at most, or text")
    return size


def _choices(given: str | None, spec: str) -> tuple[str, ...]:
    choices = tuple(choice.strip() for choice in (given or "").split(","))
    is_good = all(NAME.fullmatch(choice) for choice in choices)
    if not is_good or len({*choices}) < max(2, len(choices)):
        raise Refused(f"{spec!r} needs two or more different words, like enum(draft,published)")
    return choices


def _target(root: Path, given: str | None, spec: str) -> Target:
    for path in sorted((root / "app" / "schemas").glob("*.py")):
        entity = rf"^class {camel(given or '')}\(Entity\):"
        if given and re.search(entity, path.read_text(encoding="utf-8"), re.MULTILINE):
            test = root / "tests" / "api" / f"test_{path.stem}.py"
            if test.is_file() and "\ndef create(client: " in test.read_text(encoding="utf-8"):
                return Target(given, path.stem)
            raise Refused(f"tests/api/test_{path.stem}.py has no create(client): write one first")
    raise Refused(f"{spec!r} refers to no resource that is there: write ref(item), or make it first")


def _bound(field: Field, text: str | None, spec: str) -> Decimal | None:
    return None if text is None else _number(field, text, spec)


def _number(field: Field, text: str, spec: str) -> Decimal:
    pattern = NUMBERS.get(field.kind)
    if not pattern:
        raise Refused(f"{spec!r} has a bound, which only {', '.join(NUMBERS)} have: leave it out")
    is_whole = field.kind == "int"
    if not re.fullmatch(pattern, text) or (is_whole and abs(int(text)) > MAX_INT):
        raise Refused(f"{text!r} of {spec!r} is no value of {field.kind}")
    return Decimal(text)


def _default(field: Field, text: str | None, spec: str) -> str:
    """As it is written in Python."""
    if text is None:
        return ""
    if field.kind in NUMBERS:
        number = _number(field, text, spec)
        outside = (field.low is not None and number < field.low) or (
            field.high is not None and number > field.high
        )
        if not outside:
            return field.written(number)
    elif (field.kind == "bool" and text in {"true", "false"}) or text in field.choices:
        return text.title() if field.kind == "bool" else quoted(text)
    elif field.kind in {"str", "text"} and re.fullmatch(r"[\w.,+-]+", text):
        if len(text) <= field.size:
            return quoted(text)
    raise Refused(f"{text!r} of {spec!r} is no default that it may have: take another or none")
