"""What resources and fields may be called."""

import builtins
import keyword
import re

from pydantic import BaseModel

from app.db.base import Base
from app.schemas.base import Entity
from app.schemas.pages import Query

NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
# With it, and with another one, the names of constraints stay below the 63 bytes of a database.
LONGEST = 28
# What stands beside the name of a resource, or of them all, where it is written.
WORDS = """
    after again app before body changed changes client costs count create created docs draining
    entity error errors etag expected field find found gone health ids is_known known
    lifespan listed middleware name new nothing number one opened other page problem problems query
    referred repositories response router rows seen select sent session settings sort statements
    store tables told update url value values versions
"""
CLASSES = """
    Annotated Any Base Changes Collection Column Dangling Day Decimal Engine Entity Exact Field
    FieldProblem Health Index Integer Iterator Literal Mapped Mapping Page Position Problem Query
    Repository Response Schema Sequence Settings Store String Table Text Unavailable Whole
"""
# What every table, entity or list has, and the types that are written beside the fields of one.
ATTRIBUTES = {
    *(name for base in (Base, BaseModel, Query) for name in dir(base)),
    *(*Entity.model_fields, *Query.model_fields),
    *("bool", "date", "datetime", "entity", "float", "int", "registry", "str", "table"),
}


class Refused(Exception):
    """What is wrong, and what to do, in one sentence."""


def plural_of(name: str) -> str:
    if re.search(r"[^aeiou]y$", name):
        return f"{name[:-1]}ies"
    return f"{name}es" if re.search(r"(s|x|z|ch|sh)$", name) else f"{name}s"


def camel(name: str) -> str:
    return "".join(part.capitalize() for part in name.split("_"))


def check_resource(name: str, plural: str) -> None:
    for word in (name, plural):
        if not NAME.fullmatch(word) or len(word) > LONGEST:
            raise Refused(
                f"{word!r} cannot name a resource: take small letters, digits and single "
                f"underscores, a letter first, {LONGEST} at most, like name=order_line"
            )
        if keyword.iskeyword(word) or word in {*dir(builtins), *WORDS.split()}:
            raise Refused(f"{word!r} is a word that the code needs itself: take another name")
    if camel(name) in CLASSES.split():
        raise Refused(f"{camel(name)!r} is a class that the code needs: take another name")
    if name == plural:
        raise Refused(f"{name!r} is its own plural: add another, like plural={name}_list")


def check_field(name: str) -> None:
    if not NAME.fullmatch(name) or len(name) > LONGEST:
        raise Refused(
            f"{name!r} cannot name a field: take small letters, digits and single underscores, a "
            f"letter first, {LONGEST} at most, like starts_at"
        )
    if keyword.iskeyword(name) or name in ATTRIBUTES or name.startswith("model_"):
        raise Refused(f"{name!r} is a word that the code needs itself: call the field otherwise")


def alias_of(field: str, entity: str) -> str:
    """The name of a field's type in the schemas: that of the field, if it is free."""
    alias = camel(field)
    own = {entity, *(f"{entity}{kind}" for kind in ("Create", "Update", "Filter"))}
    return f"{entity}{alias}Value" if alias in own.union(CLASSES.split()) else alias
