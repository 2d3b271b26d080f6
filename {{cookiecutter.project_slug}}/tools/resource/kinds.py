"""Types of fields."""

from typing import NamedTuple


class Kind(NamedTuple):
    """The spelling of a type in tables, schemas and revisions, and sample values."""

    python: str
    schema: str
    column: str
    values: tuple[str, ...] = ()  # two valid values
    wrong: tuple[str, ...] = ()  # some invalid values


KINDS = {
    "str": Kind("str", "Text", "sa.String(length={size}, collation={collation})"),
    "text": Kind("str", "Text", "sa.String(length={size})"),
    "email": Kind(
        "str",
        "EmailAddress",
        "sa.String(length={size}, collation={collation})",
        ('"ada@example.com"', '"eve@example.com"'),
        ('"ada"', '"ada@"', '"a\\x00@example.com"', "1", '"x@" + "x." * 130 + "com"'),
    ),
    "url": Kind(
        "str",
        "HttpUrl",
        "sa.String(length={size})",
        ('"https://example.com"', '"http://localhost:8000/a?b=c#d"'),
        ('"example.com"', '"ftp://example.com"', '"https://"', '"https://example.com/\\x00"', "1"),
    ),
    "int": Kind("int", "StrictInt", "sa.Integer()", wrong=('"1"', "True", "1.5")),
    "float": Kind("float", "StrictFloat", "sa.Double()", wrong=('"1.5"', "True")),
{% if cookiecutter.database == "sqlite" %}
    "decimal": Kind("Decimal", "Exact", "sa.BigInteger()", wrong=("1.5", '"1,5"')),
{% else %}
    "decimal": Kind(
        "Decimal",
        "Exact",
        "sa.Numeric(precision={digits}, scale={places})",
        wrong=("1.5", '"1,5"'),
    ),
{% endif %}
    "bool": Kind("bool", "StrictBool", "sa.Boolean()", ("True", "False"), ("1", '"perhaps"')),
    "date": Kind(
        "date", "Day", "sa.Date()", ('"2026-01-31"', '"2026-02-28"'), ("0", '"0"', '"2026-02-30"')
    ),
    "datetime": Kind(
        "datetime",
        "UtcDatetime",
        "sa.DateTime(timezone=True)",
        ('"2026-01-31T12:00:00Z"', '"2026-02-28T12:00:00Z"'),
        ("0", '"2026-01-31"', '"2026-01-31T12:00:00"'),
    ),
    "uuid": Kind("UUID", "UUID", "sa.Uuid()", ("str(UUID(int=1))", "str(UUID(int=2))"), ('"one"',)),
    "json": Kind(
        "dict[str, Any]",
        "JsonObject",
{% if cookiecutter.database == "sqlite" %}
        "sa.JSON()",
{% else %}
        "postgresql.JSONB()",
{% endif %}
        ('{"theme": "dark", "sizes": [1, 2.5, None]}', '{"theme": {"light": True}}'),
        ("[]", '"{}"', '{"a": "\\x00"}', '{"a": [2**63]}'),
    ),
    "array": Kind(
        "list[{element}]",
        "",
{% if cookiecutter.database == "sqlite" %}
        "sa.JSON()",
{% else %}
        "sa.ARRAY({element})",
{% endif %}
    ),
    "enum": Kind("str", "", "sa.String(length={size})", wrong=('"no such value"', "1")),
    "ref": Kind("UUID", "UUID", "sa.Uuid()", wrong=('"one"',)),
}
TIMES = {"date", "datetime"}
NUMBERS = {"int", "float", "decimal"}
# Types that get their own type alias in the schemas.
ALIASED = {"str", "text", "url", "int", "float", "decimal", "array", "enum"}
