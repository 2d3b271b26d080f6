"""Reads a resource from the arguments of `make resource`."""

import re
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

from tools.resource.fields import Field, Target
from tools.resource.kinds import ALIASED, KINDS, TIMES
from tools.resource.names import Refused, alias_of, camel, check_field, check_resource, plural_of
from tools.resource.options import choices, default, number, size, target
from tools.resource.samples import DISTINCT, lowest

MORE = r"(>=|<=|=)([^<>=:?]+)|(\?|:unique)"
FIELD = re.compile(rf"([^:]+):(\w+)(?:\(([^)]*)\))?((?:{MORE})*)")
LONGEST_UNIQUE = 500  # letters of four bytes each, in an entry of an index
UNIQUE = ("str", "int", "date", "datetime", "uuid", "ref")


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
    if f"{name}_id" in {field.key for field in parsed}:
        raise Refused(f"'{name}_id' is the id of the resource itself: call the field otherwise")
    entities = {field.to.entity for field in parsed if field.to}
    parsed = tuple(
        replace(field, alias=f"{camel(name)}{field.alias}") if field.alias in entities else field
        for field in parsed
    )
    parsed = tuple(
        replace(field, earlier=sum(before.kind in TIMES for before in parsed[:number]))
        for number, field in enumerate(parsed)
    )
    names = [one for field in parsed for one in _names(field)]
    for one, times in Counter(names).items():
        if times > 1:
            raise Refused(f"{one!r} would be there twice: call one of the fields otherwise")
    return Resource(name, plural, parsed)


def _names(field: Field) -> list[str]:
    """What the code calls it, and what it refers to."""
    alias = field.alias if field.kind in ALIASED else field.name
    return list(dict.fromkeys((field.name, field.key, field.filter or field.name, alias)))


def _field(root: Path, entity: str, spec: str) -> Field:
    found = FIELD.fullmatch(spec)
    if not found:
        raise Refused(
            f"{spec!r} is no field: write NAME:TYPE, like title:str(128), then as you need it ? "
            ">=1 <=9 =5 :unique"
        )
    name, kind, given, rest = found.group(1, 2, 3, 4)
    parts = list(re.finditer(MORE, rest))
    more = {part[1] or part[3]: part[2] for part in parts}
    if len(more) < len(parts):
        raise Refused(f"{spec!r} says something twice: say it once")
    check_field(name)
    if kind not in KINDS:
        raise Refused(f"{kind!r} of {spec!r} is no type: take one of {', '.join(KINDS)}")
    if given is not None and kind not in {"str", "enum", "ref"}:
        raise Refused(f"{kind!r} of {spec!r} takes nothing in parentheses: leave them out")
    if ":unique" in more and kind not in UNIQUE:
        raise Refused(f"{kind!r} of {spec!r} cannot be unique: take one of {', '.join(UNIQUE)}")
    field = Field(name, kind, alias_of(name, entity))
    field = replace(field, optional="?" in more, unique=":unique" in more)
    if kind == "str":
        field = replace(field, size=size(given, spec))
    elif kind == "enum":
        field = replace(field, choices=choices(given, spec))
    elif kind == "ref":
        field = replace(field, to=target(root, given, entity, spec))
    bounds = {sign: number(kind, more[sign], spec) for sign in (">=", "<=") if sign in more}
    low, high = bounds.get(">="), bounds.get("<=")
    if low is not None and high is not None and low > high:
        raise Refused(f"{spec!r} lets nothing in: its lower bound is above the other")
    field = replace(field, low=low, high=high)
    if field.unique and field.size > LONGEST_UNIQUE:
        raise Refused(f"{spec!r} is too long for an index: take {LONGEST_UNIQUE} at most")
    if field.unique and kind == "int" and high is not None and high < lowest(field) + DISTINCT - 1:
        raise Refused(f"{spec!r} leaves less than {DISTINCT} different values: widen its bounds")
    return replace(field, default=default(field, more.get("="), spec))
