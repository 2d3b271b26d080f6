"""Fields of resources, and their code in the schemas."""

import json
from dataclasses import dataclass
from decimal import Decimal

from app.schemas.base import DIGITS, PLACES, Digits
from tools.resource.kinds import ALIASED, KINDS, NUMBERS, TIMES, Kind
from tools.resource.names import camel

# The type in filters: query parameters cannot be strict integers.
QUERY_INT = "Annotated[int, Field(ge=-MAX_INT, le=MAX_INT)]"
# The types in entities: stored values are already validated, see `app.schemas.base.Entity`.
STORED = {"datetime": "AwareDatetime", "email": "str", "json": "dict[str, JsonValue]"}


def quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


@dataclass(frozen=True)
class Target:
    """A resource that can be referenced."""

    name: str
    plural: str
    owned: bool  # its rows belong to users

    @property
    def entity(self) -> str:
        return camel(self.name)

    @property
    def url(self) -> str:
        return f"/v1/{self.plural.replace('_', '-')}"


@dataclass(frozen=True)
class Many:
    """Base of links and lists: their own table has a foreign key to the resource."""

    name: str  # tags
    one: str  # tag
    by: str  # the resource that owns them

    @property
    def table(self) -> str:
        return f"{self.by}_{self.name}"

    @property
    def own_key(self) -> str:
        return f"{self.by}_id"


@dataclass(frozen=True)
class Link(Many):
    """A many-to-many relationship: a table with a column for each side, and a list of ids."""

    to: Target

    @property
    def key(self) -> str:
        """The name of the other resource's column and of the list's filter."""
        return f"{self.one}_id"

    @property
    def keys(self) -> str:
        return f"{self.one}_ids"


@dataclass(frozen=True)
class Field:
    name: str
    kind: str
    alias: str = ""  # name of its type in the schemas
    size: int = 255
    digits: int = DIGITS
    places: int = PLACES
    choices: tuple[str, ...] = ()
    element: "Field | None" = None  # element of an array
    to: Target | None = None
    to_itself: bool = False  # references its own resource; the API shows only the id
    on_delete: str = ""  # ON DELETE rule in SQL
    optional: bool = False
    unique: bool = False
    nocase: bool = False  # unique regardless of case (A to Z)
    index: bool = False  # the list can be sorted by it and filtered by range
    private: bool = False  # never part of a response
    low: Decimal | None = None
    high: Decimal | None = None
    default: str = ""  # Python code
    in_turn: bool = False  # differs in each row because it is unique together with others
    earlier: int = 0  # number of date and datetime fields before this one
    stored: str = ""  # name of its column, if different

    @property
    def of(self) -> Kind:
        return KINDS[self.kind]

    @property
    def key(self) -> str:
        """The name in the schemas and of the table's attribute."""
        return f"{self.name}_id" if self.to else self.name

    @property
    def column(self) -> str:
        return self.stored or self.key

    @property
    def type(self) -> str:
        return self.alias if self.kind in ALIASED else self.of.schema

    @property
    def in_entity(self) -> str:
        type_ = STORED.get(self.kind, self.type)
        return f"{type_} | None" if self.optional else type_

    @property
    def in_create(self) -> str:
        default = self.default or ("None" if self.optional else "")
        type_ = self._sent(f"{self.type} | None" if self.optional else self.type)
        if self.kind == "decimal" and self.default:
            type_ = _documented(type_, Decimal(self.default.split('"')[1]))
        return f"{type_} = {default}" if default else type_

    @property
    def in_update(self) -> str:
        type_ = f"{self.type} | MISSING{' | None' if self.optional else ''}"
        return f"{self._sent(type_)} = MISSING"

    def _sent(self, type_: str) -> str:
        return f"Annotated[{type_}, PRIVATE]" if self.private else type_

    @property
    def differs(self) -> bool:
        """Whether each row of a factory has a different value."""
        return self.unique or self.in_turn

    @property
    def is_sorted(self) -> bool:
        is_text = self.kind in {"str", "email"}
        is_found = self.index or (is_text and self.unique and not self.nocase)
        return is_found and not self.optional

    @property
    def filter(self) -> str:
        """The name of the list's filter for this field, or an empty string."""
        if self.private:
            return ""
        if self.kind == "str":
            return f"{self.key}_contains"
        return self.key if self.kind in {"bool", "email", "array", "enum", "ref"} else ""

    @property
    def ranges(self) -> list[tuple[str, str]]:
        """The names of the list's range filters, with their comparison operators."""
        if self.index and self.kind in TIMES:
            return [(f"{self.key}_after", ">"), (f"{self.key}_before", "<")]
        if self.index and self.kind in NUMBERS:
            return [(f"{self.key}_min", ">="), (f"{self.key}_max", "<=")]
        return []

    @property
    def in_range(self) -> str:
        if self.kind == "int":
            return QUERY_INT
        if self.has_own_precision:
            return f"Annotated[Decimal, Digits({self.digits}, {self.places})]"
        return "float" if self.kind == "float" else self.of.schema

    @property
    def is_one_of_several(self) -> bool:
        """Whether its filter accepts several values."""
        return self.kind in {"enum", "ref"}

    @property
    def in_filter(self) -> str:
        if self.is_one_of_several:
            return f"tuple[{self.type}, ...] = ()"
        one = self.element or self
        text = f"Annotated[Text, Field(max_length={one.size})]"
        types = {"str": text, "int": QUERY_INT, "email": self.type, "bool": "bool"}
        return f"{types[one.kind]} | None = None"

    @property
    def precision(self) -> Digits:
        return Digits(self.digits, self.places)

    @property
    def has_own_precision(self) -> bool:
        return self.precision != Digits(DIGITS, PLACES)

    def definition(self, example: str) -> str:
        """Returns the definition of the field's type in the schemas."""
        if self.choices:
            return f"Literal[{', '.join(map(quoted, self.choices))}]"
        if self.element:
            elements = f"tuple[{self.element.definition('')}, ...]"
            return f"Annotated[{elements}, Field(max_length=MAX_LINKS, examples=[{example}])]"
        limits = [f"{name}={bound}" for name, bound in self._limits()]
        limits += [f"examples=[{example}]"] if example else []
        more = {"int": ", Whole", "float": ", OneZero"}.get(self.kind, "")
        base = self.of.schema
        if self.has_own_precision:
            base = f"Decimal, Digits({self.digits}, {self.places})"
        return f"Annotated[{base}, Field({', '.join(limits)}){more}]"

    def _limits(self) -> list[tuple[str, str]]:
        if self.kind == "str":
            return [("min_length", "1"), ("max_length", str(self.size))]
        if self.kind in {"text", "url"}:
            return [("max_length", str(self.size))]
        # An integer always has bounds, at least those of its column.
        bounds = {"ge": "-MAX_INT", "le": "MAX_INT"} if self.kind == "int" else {}
        own = {"ge": self.low, "le": self.high}
        bounds |= {name: self.written(n) for name, n in own.items() if n is not None}
        return [*bounds.items()]

    def written(self, number: Decimal) -> str:
        """Returns `number` as Python code of the field's type."""
        if self.kind == "decimal":
            return f'Decimal("{number:.{self.places}f}")'
        return str(float(number) if self.kind == "float" else int(number))


def _documented(type_: str, default: Decimal) -> str:
    """Returns the type with a default that openapi.json writes in full instead of as 0E-7."""
    text = f"{default:f}"
    if text == str(default):
        return type_
    extra = '{"default": ' + quoted(text) + "}"
    return f"Annotated[{type_}, Field(json_schema_extra={extra})]"


@dataclass(frozen=True)
class Rows(Many):
    """A list of rows that are part of the resource and have no ids."""

    alias: str  # name of the list's type in the schemas
    fields: tuple[Field, ...]

    @property
    def entity(self) -> str:
        return camel(self.row)

    @property
    def row(self) -> str:
        return f"{self.by}_{self.one}"

    @property
    def references(self) -> list[tuple[Field, Target]]:
        return [(field, field.to) for field in self.fields if field.to]
