"""Parser for the arguments of `make resource`."""

import re
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path

from tools.resource.fields import Field, Link, Rows, Target
from tools.resource.kinds import ALIASED, KINDS, TIMES
from tools.resource.names import (
    Refused,
    alias_of,
    camel,
    check_class,
    check_field,
    check_list,
    check_resource,
    plural_of,
    singular_of,
)
from tools.resource.options import (
    LONGEST_CONSTRAINT,
    LONGEST_EMAIL,
    choices,
    default,
    element,
    link,
    number,
    precision,
    reference,
    size,
    tables,
)
from tools.resource.samples import DISTINCT, can_differ

MORE = r"(>=|<=|=)([^<>=:?]+)|(\?|:unique|:nocase|:index|:private)"
FIELD = re.compile(rf"([^:]+):(\w+)(?:\(((?:[^()]|\([^()]*\))*)\))?((?:{MORE})*)")
LINK = re.compile(r"[^:]+:many\b")
LIST = re.compile(r"([^:]+):list\b(?:\((.*)\))?", re.DOTALL)
NESTED = r"\((?:[^()]|\((?:[^()]|\([^()]*\))*\))*\)?"
SPEC = re.compile(rf"(?:[^\s(]|{NESTED})+")
TOGETHER = re.compile(r"unique\(([^()]*)\)")
LONGEST_UNIQUE = 500  # characters of four bytes each, limited by the size of an index entry
LONGEST_TOGETHER = 600
LONGEST_UNIQUE_OWNED = 400  # beside the 255 characters of an owner
UNIQUE = ("str", "email", "int", "date", "datetime", "uuid", "ref")
UNIQUE_TOGETHER = (*UNIQUE, "decimal", "bool", "enum")
INDEXED = ("str", "email", "int", "float", "decimal", "bool", "date", "datetime", "uuid", "enum")


@dataclass(frozen=True)
class Resource(Target):
    fields: tuple[Field, ...]
    links: tuple[Link, ...]
    lists: tuple[Rows, ...]
    together: tuple[tuple[Field, ...], ...]  # groups of fields that are unique together
    has_fake: bool

    @property
    def keys(self) -> list[tuple[Field, Target]]:
        """All reference fields, with their targets."""
        return [(field, field.to) for field in self.fields if field.to]

    @property
    def references(self) -> list[tuple[Field, Target]]:
        """References to other resources, which responses contain in full."""
        return [(field, to) for field, to in self.keys if not field.to_itself]

    @property
    def targets(self) -> list[Target]:
        linked = (each.to for each in self.links)
        listed = (to for rows in self.lists for _, to in rows.references)
        return list(dict.fromkeys([*(to for _, to in self.references), *linked, *listed]))


def parse(root: Path, name: str, fields: str, **options: str) -> Resource:
    """Returns the resource to be added to the service in `root`.

    Options are `plural`, `fake` and `owner`, as in `make resource`.
    """
    fake, owner = options.get("fake"), options.get("owner")
    if owner not in {None, "", "user"}:
        raise Refused(f"owner={owner} is not valid: use owner=user, or omit it")
    if fake not in {None, "", "no"}:
        raise Refused(f"fake={fake} is not valid: use fake=no, or omit it")
    plural = options.get("plural") or plural_of(name)
    check_resource(name, plural)
    specs = split(fields)
    if not specs:
        raise Refused('there are no fields: add some, like fields="name:str(128):unique"')
    own = Target(name, plural, bool(owner))
    rules = [spec for spec in specs if spec.startswith("unique(")]
    specs = [spec for spec in specs if spec not in rules]
    links = tuple(_link(root, own, spec) for spec in specs if LINK.match(spec))
    lists = tuple(_list(root, own, spec) for spec in specs if LIST.match(spec))
    parsed = tuple(
        _field(root, own, spec) for spec in specs if not (LINK.match(spec) or LIST.match(spec))
    )
    if not parsed:
        raise Refused(f"{name!r} needs a field besides its links and lists, like name:str(128)")
    if tables(root).get(plural, plural) != plural:
        raise Refused(f"the table {plural!r} already exists: set another plural with plural=")
    if f"{name}_id" in {*(field.key for field in parsed), *(each.key for each in links)}:
        raise Refused(f"'{name}_id' is the id of the resource itself: rename the field")
    others = [field.to for field in parsed if field.to and not field.to_itself]
    others += [each.to for each in links]
    others += [to for rows in lists for _, to in rows.references]
    entities = {to.entity for to in others}
    parsed = tuple(
        replace(field, alias=f"{camel(name)}{field.alias}") if field.alias in entities else field
        for field in parsed
    )
    parsed = tuple(
        replace(field, earlier=sum(before.kind in TIMES for before in parsed[:number]))
        for number, field in enumerate(parsed)
    )
    names = [one for field in parsed for one in _names(field)]
    names += [one for each in links for one in (each.name, each.key, each.keys)]
    names += [one for rows in lists for one in (rows.name, rows.alias, rows.entity)]
    names += [*entities, *(f"{own.entity}{kind}" for kind in ("Create", "Update", "Filter"))]
    for duplicate, times in Counter(names).items():
        if times > 1:
            raise Refused(f"{duplicate!r} would be defined twice: rename one of the fields")
    # A fake needs the fakes of all resources that it references.
    fakes = root / "tests" / "fakes"
    needed = ["store", *(to.plural for to in others)]
    has_fake = not (fake or owner) and all((fakes / f"{module}.py").is_file() for module in needed)
    together = _together(own, parsed, rules)
    in_turn = {field.name for fields in together for field in fields if can_differ(field)}
    parsed = tuple(replace(field, in_turn=field.name in in_turn) for field in parsed)
    lists = _with_aliases(lists, {*names, own.entity})
    resource = Resource(name, plural, bool(owner), parsed, links, lists, together, has_fake)
    _check_owner(resource)
    return resource


def split(fields: str) -> list[str]:
    """Splits at spaces, except for spaces in (possibly nested) parentheses."""
    return SPEC.findall(fields)


def _check_owner(resource: Resource) -> None:
    fields = [*resource.fields, *(field for rows in resource.lists for field in rows.fields)]
    for field in fields:
        if resource.owned:
            _check_owned(resource.plural, field)
    references: list[Field | Link] = [*fields, *resource.links]
    for each in references:
        if each.to and each.to.owned and not resource.owned:
            raise Refused(
                f"{each.name!r} references a resource whose rows belong to users: add "
                f"owner=user, so that those of {resource.name} do too"
            )


def _check_index(own: Target, field: Field, more: Collection[str], spec: str) -> None:
    is_text = field.kind in {"str", "email"}
    if ":nocase" in more and not (is_text and ":unique" in more):
        raise Refused(f"{spec!r} has :nocase but is not a unique text: write str:unique:nocase")
    if ":index" not in more:
        return
    if field.kind == "ref":
        raise Refused(f"{spec!r} already has an index, as every ref does: remove :index")
    if field.kind not in INDEXED:
        raise Refused(
            f"{field.kind!r} in {spec!r} cannot have an index: use one of {', '.join(INDEXED)}"
        )
    if is_text and ":unique" in more and ":nocase" not in more:
        raise Refused(f"{spec!r} already has an index, because it is unique: remove :index")
    name = f"ix_{own.plural}_{'owner_' * own.owned}{field.name}_id"
    if len(name) > LONGEST_CONSTRAINT:
        raise Refused(f"{name!r} is too long for an index: use a shorter name")


def _check_owned(plural: str, field: Field) -> None:
    if field.name == "owner" or plural == "users":
        raise Refused("'owner' and 'user' are reserved with owner=user: choose another name")
    if not (field.unique or field.index):
        return
    if field.size > LONGEST_UNIQUE_OWNED:
        raise Refused(
            f"{field.name!r} is too long for an index: use at most {LONGEST_UNIQUE_OWNED}"
        )
    if len(name := f"uq_{plural}_owner_{field.key}") > LONGEST_CONSTRAINT:
        raise Refused(f"{name!r} is too long for a constraint: use a shorter name")


def _names(field: Field) -> list[str]:
    """Returns all names that the generated code uses for this field."""
    alias = field.alias if field.kind in ALIASED else field.name
    ranges = (parameter for parameter, _ in field.ranges)
    names = (field.name, field.key, field.filter or field.name, alias, *ranges)
    return list(dict.fromkeys(names))


def _together(
    own: Target, fields: tuple[Field, ...], specs: list[str]
) -> tuple[tuple[Field, ...], ...]:
    """Returns the fields of each `unique(...)`."""
    known = {field.key: field for field in fields} | {field.name: field for field in fields}
    found: list[tuple[Field, ...]] = []
    for spec in specs:
        rule = TOGETHER.fullmatch(spec)
        if not rule:
            raise Refused(f"{spec!r} is not a valid rule: write it like unique(customer,product)")
        names = [name.strip() for name in rule[1].split(",")]
        if unknown := [name for name in names if name not in known]:
            raise Refused(
                f"{unknown[0]!r} in {spec!r} is not a field: use some of "
                f"{', '.join(field.name for field in fields)}"
            )
        both = tuple(known[name] for name in names)
        _check_together(own, both, spec)
        for others in found:
            if {*others} <= {*both} or {*both} <= {*others}:
                raise Refused(f"{spec!r} and another rule are redundant: remove the longer one")
        found.append(both)
    return tuple(found)


def _check_together(own: Target, fields: tuple[Field, ...], spec: str) -> None:
    if len(fields) < 2:  # noqa: PLR2004 - at least a pair
        raise Refused(
            f"{spec!r} names one field: add another, or add :unique to that field instead"
        )
    for field in fields:
        if fields.count(field) > 1:
            raise Refused(f"{spec!r} names {field.name!r} twice: remove one of them")
        if field.private:
            raise Refused(f"{spec!r} would reveal values of {field.name!r}: remove :private")
        if field.unique:
            raise Refused(f"{field.name!r} in {spec!r} is already unique: remove one of the two")
        if field.kind not in UNIQUE_TOGETHER:
            raise Refused(
                f"{field.name!r} in {spec!r} is a {field.kind}, which cannot be unique: use one of "
                f"{', '.join(UNIQUE_TOGETHER)}"
            )
    longest = LONGEST_UNIQUE_OWNED if own.owned else LONGEST_TOGETHER
    if sum(field.size for field in fields if field.kind in {"str", "email"}) > longest:
        raise Refused(
            f"{spec!r} is too long for an index: use at most {longest} characters in total"
        )
    if not any(map(can_differ, fields)):
        raise Refused(
            f"{spec!r} allows too few different rows: add a field of type {' or '.join(UNIQUE)} to it"
        )
    keys = "_".join(["owner"] * own.owned + [field.key for field in fields])
    if len(name := f"uq_{own.plural}_{keys}") > LONGEST_CONSTRAINT:
        raise Refused(f"{name!r} is too long for a constraint: use shorter names")


def _link(root: Path, own: Target, spec: str) -> Link:
    found = FIELD.fullmatch(spec)
    if not found or found[4]:
        raise Refused(
            f"{spec!r} is not a valid link: write NAME:many(RESOURCE), like tags:many(tag)"
        )
    check_field(found[1])
    return link(root, found[1], found[3], own, spec)


def _list(root: Path, own: Target, spec: str) -> Rows:
    found = LIST.fullmatch(spec)
    if not found or not (specs := SPEC.findall(found[2] or "")):
        raise Refused(
            f"{spec!r} is not a valid list: write NAME:list(FIELDS), like "
            "lines:list(product:ref(product) quantity:int>=1)"
        )
    name = found[1]
    check_list(name, own.name)
    fields = tuple(_field_of_rows(root, own, name, one) for one in specs)
    one = singular_of(name)
    rows = Rows(name, one, own.name, alias_of(name, own.entity), fields)
    taken = [rows.own_key, "position"]
    taken += [key for field in fields for key in {field.name, field.key}]
    for key, times in Counter(taken).items():
        if times > 1:
            raise Refused(f"{key!r} would be defined twice in {name!r}: rename the field")
    if rows.table == own.plural or tables(root).get(rows.table, own.plural) != own.plural:
        raise Refused(f"the table {rows.table!r} already exists: rename {name!r}")
    check_class(rows.entity)
    for key in (rows.own_key, *(field.key for field in fields)):
        if len(constraint := f"fk_{rows.table}_{key}") > LONGEST_CONSTRAINT:
            raise Refused(f"{constraint!r} is too long for a constraint: use a shorter name")
    return rows


def _field_of_rows(root: Path, own: Target, name: str, spec: str) -> Field:
    """Parses a field of the list `name`; rejects options that need rows with ids."""
    if LIST.match(spec):
        raise Refused(f"{spec!r} is a list in the list {name!r}: {_of_its_own(own, name)}")
    if LINK.match(spec):
        raise Refused(f"{spec!r} is a link in the list {name!r}: {_of_its_own(own, name)}")
    is_rule = spec.startswith("unique(")
    if is_rule or (field := _field(root, own, spec)).unique:
        raise Refused(f"{spec!r} is unique in the list {name!r}: {_of_its_own(own, name)}")
    if field.index:
        raise Refused(f"{spec!r} has an index in the list {name!r}: {_of_its_own(own, name)}")
    if field.private:
        raise Refused(
            f"{spec!r} is private in the list {name!r}, but clients replace a list with what they "
            "have read: remove :private"
        )
    if field.to_itself:
        raise Refused(f"each row of {name!r} already references its {own.name}: remove {spec!r}")
    if field.on_delete == "SET NULL":
        raise Refused(f"{spec!r} would change {name!r} without a PATCH: use cascade or restrict")
    return field


def _of_its_own(own: Target, name: str) -> str:
    return f"make {name!r} a resource of its own, with {own.name}:ref({own.name},cascade)"


def _with_aliases(lists: tuple[Rows, ...], taken: set[str]) -> tuple[Rows, ...]:
    """Returns the lists with fields whose type names do not clash."""
    found = []
    for rows in lists:
        fields = []
        for field in rows.fields:
            alias = f"{rows.entity}{field.alias}" if field.alias in taken else field.alias
            fields.append(replace(field, alias=alias))
            taken = taken | {alias}
        found.append(replace(rows, fields=tuple(fields)))
    return tuple(found)


def _field(root: Path, own: Target, spec: str) -> Field:
    found = FIELD.fullmatch(spec)
    if not found:
        raise Refused(
            f"{spec!r} is not a valid field: write NAME:TYPE, like title:str(128), and after it any "
            "of ? >=1 <=9 =5 :unique :nocase :index :private"
        )
    name, kind, argument, rest = found.group(1, 2, 3, 4)
    parts = list(re.finditer(MORE, rest))
    more = {part[1] or part[3]: part[2] for part in parts}
    if len(more) < len(parts):
        raise Refused(f"{spec!r} has the same option twice: remove one of them")
    check_field(name)
    if kind not in KINDS:
        types = ", ".join((*KINDS, "many", "list"))
        raise Refused(f"{kind!r} in {spec!r} is not a type: use one of {types}")
    with_argument = {"str", "text", "url", "decimal", "array", "enum", "ref"}
    if argument is not None and kind not in with_argument:
        raise Refused(f"{kind!r} in {spec!r} takes no argument: remove the parentheses")
    if ":unique" in more and kind not in UNIQUE:
        raise Refused(f"{kind!r} in {spec!r} cannot be unique: use one of {', '.join(UNIQUE)}")
    field = Field(name, kind, alias_of(name, own.entity))
    _check_index(own, field, more, spec)
    if ":private" in more and (":unique" in more or ":index" in more or kind == "ref"):
        raise Refused(
            f"{spec!r} would reveal private values: remove :private, or :unique, :index or the ref"
        )
    field = replace(
        field,
        optional="?" in more,
        unique=":unique" in more,
        nocase=":nocase" in more,
        index=":index" in more,
        private=":private" in more,
    )
    field = _of_kind(root, field, argument, own, spec)
    bounds = {sign: number(field, more[sign], spec) for sign in (">=", "<=") if sign in more}
    low, high = bounds.get(">="), bounds.get("<=")
    if low is not None and high is not None and low > high:
        raise Refused(f"{spec!r} allows no value: its lower bound exceeds its upper bound")
    field = replace(field, low=low, high=high)
    if (field.unique or field.index) and field.size > LONGEST_UNIQUE:
        raise Refused(f"{spec!r} is too long for an index: use at most {LONGEST_UNIQUE}")
    if field.unique and kind == "int" and not can_differ(field):
        raise Refused(f"{spec!r} allows fewer than {DISTINCT} different values: widen its bounds")
    return replace(field, default=default(field, more.get("="), spec))


def _of_kind(root: Path, field: Field, argument: str | None, own: Target, spec: str) -> Field:
    """Returns the field with the options that its type has in parentheses."""
    if field.kind == "email":
        return replace(field, size=LONGEST_EMAIL)
    if field.kind in {"str", "text", "url"}:
        return replace(field, size=size(field.kind, argument, spec))
    if field.kind == "decimal":
        digits, places = precision(argument, spec)
        return replace(field, digits=digits, places=places)
    if field.kind == "array":
        return replace(field, element=element(argument, spec))
    if field.kind == "enum":
        return replace(field, choices=choices(argument, spec))
    return reference(root, field, argument, own, spec) if field.kind == "ref" else field
