"""Reads the fields of a resource from its schemas and its table, as arguments of `make resource`."""

import datetime
from collections.abc import Iterator
from decimal import Decimal
from importlib import import_module
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin
from uuid import UUID

from annotated_types import Ge, Le, MaxLen
from pydantic import AwareDatetime, EmailStr, JsonValue
from pydantic.fields import FieldInfo
from sqlalchemy import Column, Index, String, Table, UniqueConstraint
from sqlalchemy.sql.functions import FunctionElement

from app.db.base import Exact
from app.schemas.base import DIGITS, MAX_INT, PLACES, HttpUrl, Schema
from tools.resource.fields import Target
from tools.resource.names import Refused
from tools.resource.options import DEFAULT_SIZES, ON_DELETE, resources
from tools.resource.parse import parse

KINDS = [
    (int, "int"),
    (float, "float"),
    (bool, "bool"),
    (datetime.date, "date"),
    (AwareDatetime, "datetime"),
    (UUID, "uuid"),
    (EmailStr, "email"),
    (dict[str, JsonValue], "json"),
]


def specs(root: Path, resource: Target) -> dict[str, str]:
    """Returns specs by name in the schemas; omits fields that `make resource` cannot write."""
    table = _table(resource)
    module = f"app.schemas.{resource.plural}"
    sent = _imported(module, f"{resource.entity}Create").model_fields
    public = _imported(module, resource.entity).model_fields
    links = dict([*_links(root, table), *_lists(root, resource, table, import_module(module))])
    found: dict[str, str] = {}
    for name, info in sent.items():
        spec = links.get(name)
        if name in table.__table__.columns:
            spec = _spec(root, table.__table__, name, info)
            spec += ":private" * (name not in public)
            spec += _default(info)
        if spec and _is_known(root, resource, [*found.values(), spec]):
            found[name] = spec
    for spec in _together(table.__table__):
        if _is_known(root, resource, [*found.values(), spec]):
            found[spec] = spec
    return found


def stored(resource: Target) -> dict[str, str]:
    """Returns the columns whose names differ from those in the schemas."""
    columns = _table(resource).__table__.columns
    return {column.key: column.name for column in columns if column.key != column.name}


def attributes(resource: Target) -> set[str]:
    return {*_table(resource).__mapper__.all_orm_descriptors.keys()}


def _table(resource: Target) -> Any:
    return _imported(f"app.db.tables.{resource.plural}", f"{resource.entity}Table")


def _imported(module: str, name: str) -> Any:
    try:
        return getattr(import_module(module), name)
    except (ImportError, AttributeError, NameError, SyntaxError, TypeError) as error:
        reason = f"{type(error).__name__}: {error}"
        raise Refused(
            f"{name} cannot be imported from {module} ({reason}): fix it first"
        ) from error


def _is_known(root: Path, resource: Target, known: list[str]) -> bool:
    owner = "user" if resource.owned else ""
    try:
        parse(root, resource.name, " ".join(known), plural=resource.plural, owner=owner)
    except Refused:
        return False
    return True


def _links(root: Path, table: Any) -> Iterator[tuple[str, str]]:
    """Yields each list of ids with the spec of its link."""
    targets = {f"{each.entity}Table": each for each in resources(root)}
    for name, relationship in table.__mapper__.relationships.items():
        to = targets.get(relationship.mapper.class_.__name__)
        if relationship.secondary is None or to is None:
            continue
        for column in relationship.secondary.columns:
            if column.references(relationship.mapper.local_table.c.id):
                yield f"{column.name}s", f"{name}:many({to.name})"


def _lists(root: Path, resource: Target, table: Any, schemas: Any) -> Iterator[tuple[str, str]]:
    """Yields each list of rows that is part of the resource with its spec."""
    for name, relationship in table.__mapper__.relationships.items():
        rows = relationship.mapper.local_table
        entity = relationship.mapper.class_.__name__.removesuffix("Table")
        fields = getattr(schemas, entity, Schema).model_fields
        if {*rows.columns.keys()} - {"owner"} == {*fields, f"{resource.name}_id", "position"}:
            listed = (_spec(root, rows, key, info) + _default(info) for key, info in fields.items())
            yield name, f"{name}:list({' '.join(listed)})"


def _together(table: Table) -> list[str]:
    """Returns a spec for each group of fields that are unique together."""
    rules = [one for one in table.constraints if isinstance(one, UniqueConstraint)]
    groups = map(_keys, rules)
    return sorted(f"unique({','.join(keys)})" for keys in groups if len(keys) > 1)


def _keys(key: UniqueConstraint | Index) -> list[str]:
    """Returns the keys of its columns, without the owner that rows of users have."""
    return [column.key for column in key.columns if column.key != "owner"]


def _spec(root: Path, table: Table, name: str, info: FieldInfo) -> str:
    column = table.columns[name]
    optional = "?" * bool(column.nullable)
    unique = _unique(table, name)
    if column.foreign_keys:
        (key,) = column.foreign_keys
        plural = key.target_fullname.split(".")[0]
        rule = next((f",{word}" for word, sql in ON_DELETE.items() if sql == key.ondelete), "")
        target = next((one.name for one in resources(root) if one.plural == plural), plural)
        return f"{name.removesuffix('_id')}:ref({target}{rule}){optional}{unique}"
    limits = [*_limits(info)]
    kind = _kind(column, info)
    index = ":index" * any(_keys(one) == [name, "id"] for one in table.indexes)
    return f"{name}:{kind}{optional}{''.join(limits)}{unique}{index}"


def _unique(table: Table, name: str) -> str:
    for one in table.constraints:
        if isinstance(one, UniqueConstraint) and _keys(one) == [name]:
            return ":unique"
    for index in table.indexes:
        if index.unique and _keys(index) == [name]:
            is_lower = any(isinstance(each, FunctionElement) for each in index.expressions)
            return ":unique:nocase" if is_lower else ""
    return ""


def _kind(column: Column[Any], info: FieldInfo) -> str:
    base = _base(info.annotation)
    if isinstance(base, tuple):
        return f"enum({','.join(base)})"
    if get_origin(base) is tuple:
        return f"array({_element(get_args(base)[0])})"
    if isinstance(column.type, String) and base is str:
        kind, size = "str" if column.type.collation else "text", column.type.length
        if get_args(HttpUrl)[1] in _metadata(info):
            kind = "url"
        return kind if size == DEFAULT_SIZES[kind] else f"{kind}({size})"
    if isinstance(column.type, Exact):
        digits, places = column.type.precision, column.type.scale
        return "decimal" if (digits, places) == (DIGITS, PLACES) else f"decimal({digits},{places})"
    return next((kind for type_, kind in KINDS if type_ == base), "")


def _element(annotation: Any) -> str:
    (size,) = [one.max_length for one in _metadata(annotation) if isinstance(one, MaxLen)] or [0]
    kind = "int" if _base(annotation) is int else "str"
    return kind if size == DEFAULT_SIZES.get(kind, 0) else f"{kind}({size})"


def _base(annotation: Any) -> Any:
    """Returns the type without annotations and `| None`, or the values of a `Literal`."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return _base(get_args(annotation)[0])
    if origin is Literal:
        return get_args(annotation)
    if origin in {Union, UnionType}:
        (only,) = (one for one in get_args(annotation) if one is not type(None))
        return _base(only)
    return annotation


def _limits(info: FieldInfo) -> Iterator[str]:
    for one in _metadata(info):
        if isinstance(one, Ge) and one.ge != -MAX_INT:
            yield f">={_number(one.ge)}"
        elif isinstance(one, Le) and one.le != MAX_INT:
            yield f"<={_number(one.le)}"


def _metadata(annotation: Any) -> Iterator[Any]:
    """Yields the metadata of a type, including that of the members of a union."""
    if isinstance(annotation, FieldInfo):
        yield from (each for one in annotation.metadata for each in _metadata(one))
        yield from _metadata(annotation.annotation)
    elif get_origin(annotation) in {Annotated, Union, UnionType}:
        for one in get_args(annotation):
            yield from _metadata(one)
    else:
        yield annotation


def _number(bound: Any) -> str:
    """Returns the number as the user typed it: schemas have all places of a decimal."""
    if isinstance(bound, float):
        return f"{Decimal(str(bound)):f}"
    return f"{bound.normalize():f}" if isinstance(bound, Decimal) else str(bound)


def _default(info: FieldInfo) -> str:
    value = {} if info.default_factory else info.default
    if info.is_required() or value in (None, ()):
        return ""
    return f"={str(value).lower() if isinstance(value, bool) else _number(value)}"
