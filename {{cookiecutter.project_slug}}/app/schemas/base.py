"""Field types and base classes of all schemas."""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Annotated, Any, Self
from uuid import UUID

from pydantic import (
    AfterValidator,
    AnyHttpUrl,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    EmailStr,
    Field,
    GetCoreSchemaHandler,
    JsonValue,
    PlainSerializer,
    StringConstraints,
    ValidationError,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import CoreSchema

# The maximum of an INTEGER column: 32 bits, signed.
MAX_INT = 2_147_483_647

# Limits for JSON that every database can store and return: numbers have 64 bits, signed.
MAX_JSON_INT = 2**63 - 1
MAX_JSON_DEPTH = 32
NOT_STORED = re.compile(r"[\x00\ud800-\udfff]")

# More than a day inside the range of datetime, so that no timezone conversion overflows: such a
# row could never be read again.
EARLIEST = datetime(1, 1, 2, tzinfo=UTC)
LATEST = datetime(9999, 12, 30, tzinfo=UTC)

# The digits of a decimal, and those after the point: exact in every database.
DIGITS, PLACES = 18, 4

# https://www.rfc-editor.org/rfc/rfc3339#section-5.6
DAY = r"\d{4}-\d\d-\d\d"
INSTANT = DAY + r"[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)"

# https://www.rfc-editor.org/rfc/rfc3986, without user names, which can disguise the host.
_HOST = r"([A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?"
_PATH = r"([A-Za-z0-9._~:/?@!$&'()*+,;=-]|%[0-9A-Fa-f]{2})*"
HTTP_URL = re.compile(rf"https?://{_HOST}([/?]{_PATH})?(#{_PATH})?")
USER_NAME = re.compile(r"https?://[^/?#]*@")


def _in_format(pattern: str, type_: type, expected: str) -> BeforeValidator:
    """Rejects numbers, which Pydantic would read as seconds or as inexact floats."""

    def check(value: object) -> object:
        if isinstance(value, type_):
            return value
        if isinstance(value, str) and re.fullmatch(pattern, value, re.ASCII):
            return value
        raise ValueError(f"must be {expected}")

    return BeforeValidator(check)


def _in_utc(value: datetime) -> datetime:
    if not EARLIEST <= value <= LATEST:
        # On Linux, %Y writes the year 1 without zeros.
        first, last = (each.isoformat().replace("+00:00", "Z") for each in (EARLIEST, LATEST))
        raise ValueError(f"must lie between {first} and {last}")
    return value.astimezone(UTC)


def _float_as_integer(value: object) -> object:
    # In JSON Schema, and in languages whose only numbers are floats, 1.0 is an integer.
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _without_sign_of_zero(value: float) -> float:
    return value + 0.0  # turns -0.0 into 0.0


def _http_url(value: str) -> str:
    if not value.isascii():
        raise ValueError("must be in ASCII: a host like xn--bcher-kva.example, a path like /%C3%A9")
    if USER_NAME.match(value):
        raise ValueError("must not contain a user name or a password")
    if not HTTP_URL.fullmatch(value):
        raise ValueError("must be a URL like https://example.com/path")
    try:
        AnyHttpUrl(value)
    except ValidationError:
        raise ValueError("must have a valid host, and a port of 65535 at most") from None
    return value


def _without_name(value: object) -> object:
    # Pydantic would silently drop the name.
    if isinstance(value, str) and "<" in value:
        raise ValueError("must be an address without a name, like ada@example.com")
    return value


def _storable(value: object, depth: int = 0) -> object:
    if depth > MAX_JSON_DEPTH:
        raise ValueError(f"must not be nested deeper than {MAX_JSON_DEPTH} levels")
    if isinstance(value, str) and NOT_STORED.search(value):
        raise ValueError("must not contain NUL characters or halves of surrogate pairs")
    if isinstance(value, int | float):
        if not -MAX_JSON_INT <= value <= MAX_JSON_INT:
            raise ValueError("must not contain numbers of more than 64 bits")
        # Databases format 1e20, 1.0 and -0.0 differently.
        is_whole = isinstance(value, float) and value.is_integer()
        return int(value) if is_whole else value
    if isinstance(value, dict):
        return {_storable(key): _storable(item, depth + 1) for key, item in value.items()}
    return [_storable(item, depth + 1) for item in value] if isinstance(value, list) else value


# No database can store NUL characters in text that other programs can read.
Text = Annotated[str, StringConstraints(pattern=r"^[^\x00]*$")]
Whole = BeforeValidator(_float_as_integer)
OneZero = AfterValidator(_without_sign_of_zero)
UtcDatetime = Annotated[
    AwareDatetime,
    _in_format(INSTANT, datetime, "an instant like 2026-01-31T12:00:00Z, with its timezone"),
    AfterValidator(_in_utc),
]
Day = Annotated[date, _in_format(DAY, date, "a day like 2026-01-31")]


def _digits(maximum: int) -> str:
    return "[0-9]{1," + str(maximum) + "}"


# With more places, Python formats small decimals like 0E-7.
MAX_PLAIN_PLACES = 6


def _without_exponent(value: Decimal) -> str:
    return f"{value:f}"


@dataclass(frozen=True)
class Digits:
    """An exact decimal, sent as a string: at most `digits` digits, `places` after the point."""

    digits: int
    places: int

    @property
    def pattern(self) -> str:
        integer_digits, places = self.digits - self.places, self.places
        before = _digits(integer_digits) if integer_digits else "0"
        return rf"-?{before}(\.{_digits(places)})?" if places else f"-?{before}"

    def __get_pydantic_core_schema__(
        self, source: object, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        expected = (
            f"a number without an exponent, in JSON in quotes, with {self.digits} digits at most, "
            f"{self.places} of them after the point"
        )
        type_: Any = Annotated[
            Decimal,
            _in_format(self.pattern, Decimal, expected),
            AfterValidator(self._quantized),
            WithJsonSchema({"type": "string", "pattern": f"^{self.pattern}$"}),
        ]
        if self.places > MAX_PLAIN_PLACES:
            type_ = Annotated[type_, PlainSerializer(_without_exponent, str, when_used="json")]
        return handler.generate_schema(type_)

    def _quantized(self, value: Decimal) -> Decimal:
        return (value + 0).quantize(Decimal(1).scaleb(-self.places))  # turns -0.00 into 0.00


Exact = Annotated[Decimal, Digits(DIGITS, PLACES)]
EmailAddress = Annotated[
    EmailStr, BeforeValidator(_without_name), Field(max_length=254, examples=["ada@example.com"])
]
# Stays as it was sent: Pydantic's own HttpUrl adds a slash.
HttpUrl = Annotated[str, AfterValidator(_http_url), Field(json_schema_extra={"format": "uri"})]
JsonObject = Annotated[dict[str, JsonValue], BeforeValidator(_storable)]


def _distinct(ids: tuple[UUID, ...]) -> tuple[UUID, ...]:
    if len({*ids}) < len(ids):
        raise ValueError("must not contain duplicates")
    return ids


# All links of a row are read in one statement, and written in one.
MAX_LINKS = 100
Ids = Annotated[
    tuple[UUID, ...],
    Field(max_length=MAX_LINKS, json_schema_extra={"uniqueItems": True}),
    AfterValidator(_distinct),
]


class Schema(BaseModel):
    """Rejects unknown fields, by name, instead of dropping them."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class Changes(Schema):
    """A partial update: absent fields stay unchanged, null clears optional ones."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 1})

    @model_validator(mode="after")
    def _must_change_something(self) -> Self:
        if not self.model_fields_set:
            raise ValueError("must contain at least one field to change")
        return self


class Entity(Schema):
    """Fields that every entity has.

    Its instants are `AwareDatetime`: stored values were validated as `UtcDatetime` before, and
    validating them again would double the time to make an entity of a row.
    """

    model_config = ConfigDict(from_attributes=True)  # from rows of the table

    id: UUID = Field(description="A UUID of version 7: later ones sort after earlier ones.")
    version: int = Field(exclude=True)
    created_at: AwareDatetime
    updated_at: AwareDatetime
