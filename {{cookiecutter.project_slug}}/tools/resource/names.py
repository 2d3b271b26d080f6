"""Validation and derivation of names of resources and fields."""

import builtins
import keyword
import re
from pathlib import Path

from pydantic import BaseModel

from app.db.base import Base
from app.schemas.base import Entity
from app.schemas.pages import Query

TEMPLATES = Path(__file__).parent / "templates"
NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
# Names of constraints contain up to two names and must not exceed 63 bytes.
LONGEST = 28
# Likely plurals that do not end in s.
PLURALS = {"children", "criteria", "data", "feet", "media", "men", "mice", "people", "women"}
# Words that begin with a vowel sound.
AN = r"(?!eu|on[ce]|u(ni|s[aeu]|ti|r[il]|uid))[aeiou]|hour|honest|honou?r|heir"
# Names in the generated code and in the modules that list all resources.
WORDS = """
    after again alembic_version app before body changed changes client costs created docs draining
    error errors etag executed expected field find found gone health if_match if_none_match ids key known
    lifespan listed middleware name new number one opened other page query referred repositories response
    router rows select sent session settings sort store tables unknown update url value values
"""
CLASSES = """
    Base Column Engine FieldProblem Health Integer Position Problem Settings Store
"""
IMPORT = re.compile(r"^from \S+ import ([^(\n]+|\([^)]*\))", re.MULTILINE)
IMPORTED = {
    name
    for path in TEMPLATES.glob("*.mako")
    for names in IMPORT.findall(path.read_text(encoding="utf-8"))
    for name in re.findall(r"(?<![${}\w.])\w+", names)  # except names with the resource's own name
}
# Attributes of every table, entity or query, and names in the generated code beside the fields.
ATTRIBUTES = {
    *(name for base in (Base, BaseModel, Query) for name in (*dir(base), *dir(type(base)))),
    *(*Entity.model_fields, *Query.model_fields),
    *("bool", "date", "datetime", "dict", "entity", "float", "int", "list", "registry", "str"),
    *("mapped_column", "table", "tuple"),
{% if cookiecutter.database == "postgres" %}
    *("cmax", "cmin", "ctid", "tableoid", "xmax", "xmin"),  # columns of every table
{% endif %}
}
UNCLEAR = {"i", "l", "o"}  # look like digits: ruff rejects such names


class Refused(Exception):
    """The arguments were rejected; the message says what is wrong and what to do."""


def plural_of(name: str) -> str:
    if name in PLURALS or re.search(r"[^sui]s$", name):
        raise Refused(
            f"{name!r} looks like a plural: use the singular, or set its plural, like "
            f"plural={name}_list"
        )
    if re.search(r"[^aeiou]y$", name):
        return f"{name[:-1]}ies"
    return f"{name}es" if re.search(r"(s|x|z|ch|sh)$", name) else f"{name}s"


def singular_of(name: str) -> str:
    """Returns the singular by the English rules, or the name itself if it is no plural."""
    for ending, other in (("ies", "y"), ("es", ""), ("s", "")):
        word = name.removesuffix(ending) + other
        if name.endswith(ending) and NAME.fullmatch(word) and word not in PLURALS:
            is_plural = re.search(r"[^sui]s$", word)
            if not is_plural and plural_of(word) == name:
                return word
    return name


def camel(name: str) -> str:
    return "".join(part.capitalize() for part in name.split("_"))


def article(name: str) -> str:
    return "an" if re.match(AN, name) else "a"


def check_resource(name: str, plural: str) -> None:
    _check_word(name, "choose another name, like name=order_line")
    try:
        _check_word(plural, "set another one with plural=")
    except Refused as reason:
        raise Refused(f"the plural {reason}") from None
    entity = camel(name)
    if name.endswith(("_create", "_update", "_filter")):
        raise Refused(f"{entity!r} looks like a schema of another resource: choose another name")
    for class_name in (entity, f"{entity}Table", f"{entity}Repository", f"Sql{entity}Repository"):
        check_class(class_name)
    if name == plural:
        raise Refused(f"{name!r} is its own plural: set another one, like plural={name}_list")
{% if cookiecutter.database == "sqlite" %}
    if plural.startswith("sqlite_"):
        raise Refused(f"the table name {plural!r} is reserved by SQLite: set another plural")
{% endif %}


def check_class(name: str) -> None:
    if name in IMPORTED.union(CLASSES.split()):
        raise Refused(f"the class name {name!r} is reserved: choose another name")


def _check_word(word: str, advice: str) -> None:
    _check_letters(word, "a resource", f": {advice}")
    if _is_taken(word) or word in {*dir(builtins), *WORDS.split(), *IMPORTED}:
        raise Refused(f"{word!r} is reserved by Python or the generated code: {advice}")


def check_field(name: str) -> None:
    _check_letters(name, "a field", ", like starts_at")
    if _is_taken(name) or name in ATTRIBUTES or name.startswith("model_"):
        raise Refused(
            f"{name!r} is reserved by Python or the generated code: choose another name for the field"
        )


def check_list(name: str, resource: str) -> None:
    check_field(name)
    _check_word(name, "choose another name for the list")
    if name == resource:
        raise Refused(f"{name!r} is the resource itself: choose another name for the list")


def _check_letters(word: str, what: str, advice: str) -> None:
    if not NAME.fullmatch(word) or len(word) > LONGEST:
        raise Refused(
            f"{word!r} is not a valid name for {what}: use up to {LONGEST} lowercase letters, digits "
            f"and single underscores, starting with a letter{advice}"
        )


def _is_taken(word: str) -> bool:
    """Returns whether the name or its class name is a keyword or ambiguous."""
    return keyword.iskeyword(word) or keyword.iskeyword(camel(word)) or word in UNCLEAR


def alias_of(field: str, entity: str) -> str:
    """Returns the name of a field's type in the schemas: the field's name, unless it is taken."""
    alias = camel(field)
    own = {entity, *(f"{entity}{kind}" for kind in ("Create", "Update", "Filter"))}
    taken = own.union(IMPORTED, CLASSES.split())
    return f"{entity}{alias}Value" if alias in taken else alias
