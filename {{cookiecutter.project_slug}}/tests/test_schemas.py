"""Types of schema fields that items do not use."""

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any
from uuid import UUID

import pytest
from pydantic import StrictFloat, TypeAdapter, ValidationError

from app.api.etags import etag, versions
from app.schemas.base import (
    Day,
    Digits,
    EmailAddress,
    Entity,
    Exact,
    HttpUrl,
    Ids,
    JsonObject,
    OneZero,
    UtcDatetime,
)

DAYS: TypeAdapter[date] = TypeAdapter(Day)
INSTANTS: TypeAdapter[datetime] = TypeAdapter(UtcDatetime)
NUMBERS: TypeAdapter[Decimal] = TypeAdapter(Exact)


@pytest.mark.parametrize(
    ("sent", "expected"),
    [("1", "1.0000"), ("-0", "0.0000"), ("007.5", "7.5000"), ("-99999999999999.9999",) * 2],
)
def test_decimals_are_strings_with_four_places(sent: str, expected: str) -> None:
    assert NUMBERS.dump_python(NUMBERS.validate_python(sent), mode="json") == expected


@pytest.mark.parametrize(
    "sent", [1, 1.5, True, "", "1,5", "1e3", "NaN", "0.00001", "1" * 15, "\u0661", "1\n"]
)
def test_inexact_decimals_are_rejected(sent: object) -> None:
    with pytest.raises(ValidationError, match="must be a number without an exponent"):
        NUMBERS.validate_python(sent)


@pytest.mark.parametrize(
    ("digits", "valid", "invalid"),
    [
        (Digits(12, 2), "9999999999.99", "0.001"),
        (Digits(3, 0), "999", "0.0"),
        (Digits(2, 2), "0.99", "1.00"),
    ],
)
def test_digits_and_places_of_decimals_can_be_set(digits: Digits, valid: str, invalid: str) -> None:
    numbers: TypeAdapter[Decimal] = TypeAdapter(Annotated[Decimal, digits])
    assert str(numbers.validate_python(valid)) == valid
    assert numbers.dump_json(Decimal(valid)) == f'"{valid}"'.encode()
    for wrong in (invalid, f"1{valid}"):
        with pytest.raises(ValidationError, match=f"{digits.places} of them after the point"):
            numbers.validate_python(wrong)


@pytest.mark.parametrize("places", [0, 2, 6, 7, 18])
def test_small_decimals_have_no_exponent(places: int) -> None:
    adapter = TypeAdapter[Decimal](Annotated[Decimal, Digits(18, places)])
    written = "0." + "0" * places if places else "0"
    assert adapter.dump_json(adapter.validate_python("0")).decode() == f'"{written}"'


@pytest.mark.parametrize(("sent", "stored"), [(-0.0, "0.0"), (0, "0.0"), (-1.5, "-1.5")])
def test_negative_zero_becomes_zero(sent: float, stored: str) -> None:
    numbers: TypeAdapter[float] = TypeAdapter(Annotated[StrictFloat, OneZero])
    assert str(numbers.validate_python(sent)) == stored


@pytest.mark.parametrize("sent", ["0001-01-01T23:59:59Z", "9999-12-30T00:00:01Z"])
def test_instants_out_of_range_are_rejected_with_the_limits(sent: str) -> None:
    limits = "must lie between 0001-01-02T00:00:00Z and 9999-12-30T00:00:00Z"
    with pytest.raises(ValidationError, match=limits):
        INSTANTS.validate_python(sent)


def test_days_reject_numbers_and_instants() -> None:
    assert DAYS.validate_python("2026-01-31") == date(2026, 1, 31)
    for sent in (0, "0", "2026-1-31", "2026-01-31T00:00:00", "2026-02-30"):
        with pytest.raises(ValidationError):
            DAYS.validate_python(sent)


@pytest.mark.parametrize(
    ("sent", "stored"),
    [("Ada@Example.COM", "Ada@example.com"), (f"ada@{'x' * 60}.com", f"ada@{'x' * 60}.com")],
)
def test_domains_of_email_addresses_are_lowercased(sent: str, stored: str) -> None:
    assert TypeAdapter(EmailAddress).validate_python(sent) == stored


@pytest.mark.parametrize(
    "sent", ["Ada <ada@example.com>", '"Ada" <ada@example.com>', "<ada@a.com>"]
)
def test_email_addresses_with_a_name_are_rejected(sent: str) -> None:
    with pytest.raises(ValidationError, match="must be an address without a name"):
        TypeAdapter(EmailAddress).validate_python(sent)


@pytest.mark.parametrize("sent", ["ada", "ada@", "@a.com", "a\0@a.com", "\ud800@a.com", 1])
def test_invalid_email_addresses_are_rejected(sent: object) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(EmailAddress).validate_python(sent)


@pytest.mark.parametrize(
    "sent",
    [
        "https://example.com",
        "http://EXAMPLE.com/",
        "https://my_files.example.com:8443/a/%C3%A9;b?c=d&e=(f)#g/h?",
        "https://example.com?a",
        "https://127.0.0.1",
        "http://[::1]:65535/a",
        "https://[2001:db8::7]",
        "https://xn--bcher-kva.example/%C3%A9",
    ],
)
def test_urls_are_unchanged(sent: str) -> None:
    assert TypeAdapter(HttpUrl).validate_python(sent) == sent


@pytest.mark.parametrize(
    ("sent", "message"),
    [
        ("https://example.com:65536/", "must have a valid host, and a port of 65535 at most"),
        ("https://[::1::2]/", "must have a valid host"),
        ("https://1.2.3.999/", "must have a valid host"),
        ("https://ada@example.com/", "must not contain a user name"),
        ("https://ada:secret@example.com", "must not contain a user name or a password"),
        ("https://b\u00fccher.example/", "must be in ASCII: a host like xn--"),
        ("https://example.com/\u00e9", "a path like /%C3%A9"),
        ("https://example.com/a b", "must be a URL like"),
    ],
)
def test_rejected_urls_get_a_reason(sent: str, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        TypeAdapter(HttpUrl).validate_python(sent)


@pytest.mark.parametrize(
    "sent",
    [
        "example.com",
        "//example.com",
        "ftp://example.com",
        "javascript:alert(1)//https://example.com",
        " https://example.com",
        "https://example.com\n",
        "https://",
        "https:///a",
        "https:example.com",
        "https://example.com@evil.example",
        "https://example.com\\a",
        "https://example.com/a b",
        "https://example.com/%",
        "https://example.com/\0",
        "https://example.com/\ud800",
        1,
    ],
)
def test_invalid_urls_are_rejected(sent: object) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(HttpUrl).validate_python(sent)


JSON: TypeAdapter[dict[str, Any]] = TypeAdapter(JsonObject)


def nested(depth: int) -> dict[str, Any]:
    value: dict[str, Any] = {}
    for _ in range(depth):
        value = {"a": [value]}
    return value


def test_json_is_unchanged_except_for_number_formats() -> None:
    sent = {"a": [None, True, 1.5, -(2**63) + 1, 2**63 - 1, "\U0001f529"], "": {"b": {}}}
    assert JSON.validate_python(sent) == sent
    assert JSON.validate_python(nested(15))
    assert str(JSON.validate_python({"a": [1e16, 2.0, -0.0]})) == "{'a': [10000000000000000, 2, 0]}"


@pytest.mark.parametrize(
    ("sent", "message"),
    [
        *(({"a": [number]}, "more than 64 bits") for number in (2**63, -(2**63), 1e19, 1e400)),
        ({"a": float("nan")}, "more than 64 bits"),
        ({"a": "\0"}, "must not contain NUL"),
        ({"\0": 1}, "must not contain NUL"),
        ({"a": {"b": "\ud800"}}, "must not contain NUL characters or halves of surrogate pairs"),
        ([], "valid dictionary"),
        ("{}", "valid dictionary"),
        (None, "valid dictionary"),
        ({"a": object()}, "valid JSON"),
    ],
)
def test_json_that_not_every_database_can_store_is_rejected(sent: object, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        JSON.validate_python(sent)


@pytest.mark.parametrize("depth", [17, 100_000])
def test_json_that_is_nested_too_deeply_is_rejected(depth: int) -> None:
    with pytest.raises(ValidationError, match="deeper than 32 levels"):
        JSON.validate_python(nested(depth))


def test_duplicate_ids_are_rejected() -> None:
    ids: TypeAdapter[tuple[UUID, ...]] = TypeAdapter(Ids)
    one, another = UUID(int=1), UUID(int=2)
    assert ids.validate_python([one, another]) == (one, another)
    with pytest.raises(ValidationError, match="must not contain duplicates"):
        ids.validate_python([one, str(one)])


def test_etags_include_the_versions_of_nested_entities() -> None:
    class Order(Entity):
        parent: "Order | None" = None

    common = {"id": UUID(int=1), "created_at": "2026-01-31T12:00:00Z"}
    common["updated_at"] = common["created_at"]
    first = {"version": 7, **common, "parent": {"version": 2, **common}}
    order = Order.model_validate({"version": 3, **common, "parent": first})
    assert etag(order) == '"3-7-2"'
    assert versions([etag(order)]) == {3}


def test_etags_change_when_a_reference_is_cleared() -> None:
    class Category(Entity):
        parent_id: UUID | None
        tag_ids: Ids = ()

    common: dict[str, Any] = {"version": 3, "id": UUID(int=1), "parent_id": UUID(int=2)}
    common["created_at"] = common["updated_at"] = "2026-01-31T12:00:00Z"
    category = Category.model_validate(common)
    assert etag(category) == '"3-1-0"'
    assert etag(category.model_copy(update={"parent_id": None})) == '"3-0"'
    assert etag(category.model_copy(update={"tag_ids": (UUID(int=3),)})) == '"3-1-1"'
    assert versions([etag(category)]) == {3}
