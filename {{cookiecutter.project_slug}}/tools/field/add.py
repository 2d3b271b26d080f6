"""Adds fields to a resource: its files as `make resource` would have written them, and a revision."""

import re
from pathlib import Path

from tools.field.existing import specs
from tools.field.merge import Unclear, merged
from tools.resource.columns import check, in_revision
from tools.resource.fields import Field, Target, quoted
from tools.resource.names import Refused
from tools.resource.options import named
from tools.resource.parse import Resource, parse
from tools.resource.render import next_revision, own_texts, rendered, tidy

TEMPLATE = Path(__file__).parent / "revision.py.mako"
Texts = dict[Path, str]


def added(root: Path, name: str, fields: str, leave: list[str]) -> tuple[Texts, Texts, str]:
    """The files that change, the revision, and what is left to be typed in the files of `leave`."""
    resource = named(root, name)
    fakes = root / "tests" / "fakes" / f"{resource.plural}.py"
    options = {
        "plural": resource.plural,
        "owner": "user" if resource.owned else "",
        "fake": "" if fakes.is_file() else "no",
    }
    there = specs(root, resource)
    before = parse(root, resource.name, " ".join(there.values()), **options)
    after = parse(root, resource.name, " ".join([*there.values(), fields]), **options)
    new = after.fields[len(before.fields) :]
    if after.links != before.links:
        raise Refused("many() is for make resource alone: docs/relations.md shows what it writes")
    if not new:
        raise Refused('there are no fields: give some, like add="note:text?"')
    for field in new:
        _check(field)
    if before.has_fake != after.has_fake:
        raise Refused("what it refers to has no fake in tests/fakes: delete the fake of this first")
    changed, unclear = _changed(root, before, after)
    left = {path: text for path, text in unclear.items() if path.as_posix() in leave}
    if refused := unclear.keys() - left.keys():
        listed = "\n".join(f"{path.as_posix()}\n{unclear[path]}" for path in sorted(refused))
        names = " ".join(path.as_posix() for path in sorted(unclear))
        raise Refused(
            f"these lines belong where somebody has changed the files:\n{listed}"
            f'To write all the rest, and type these yourself, add leave="{names}"'
        )
    by_hand = "\n".join(f"{path.as_posix()}\n{text}" for path, text in left.items())
    return changed, dict([_revision(root, resource, new)]), by_hand


def _changed(root: Path, before: Resource, after: Resource) -> tuple[Texts, Texts]:
    old, new = own_texts(root, before), own_texts(root, after)
    changed, unclear = {}, {}
    for path in old:
        there = root / path
        if old[path] == new[path] or not there.is_file():
            continue
        try:
            text = merged(there.read_text(encoding="utf-8"), old[path], new[path])
        except Unclear as diff:
            unclear[path] = str(diff)
        else:
            changed[path] = tidy(root, path, text, "--select", "F401,I")
    return changed, unclear


def _check(field: Field) -> None:
    if not (field.optional or field.default):
        raise Refused(
            f"{field.name!r} needs a value for the rows that are there: add a default, like =0, or ?"
        )
    if field.unique and not field.optional:
        raise Refused(f"{field.name!r} would be the same in all rows that are there: add ?")


def _revision(root: Path, resource: Target, fields: tuple[Field, ...]) -> tuple[Path, str]:
    slug = f"add_{'_and_'.join(field.key for field in fields)}_to_{resource.plural}"
    path, known = next_revision(root, re.sub(r"\W", "_", slug)[:60])
    words = {
        **known,
        "title": f"add {' and '.join(field.key for field in fields)} to {resource.plural}",
        "table": resource.plural,
        "owned": resource.owned,
        "fields": fields,
        "checked": [(field, condition) for field in fields if (condition := check(field))],
        "keys": [(field, field.to) for field in fields if field.to],
        "unique": [field for field in fields if field.unique],
        "in_revision": in_revision,
        "server_default": server_default,
        "quoted": quoted,
    }
    return path, tidy(root, path, rendered(TEMPLATE, words))


def server_default(field: Field) -> str:
    """What the rows have that are there, and those that an earlier release adds."""
    if not field.default:
        return ""
{% if cookiecutter.database == "sqlite" %}
    if field.kind == "decimal":
        number = re.sub(r'Decimal\("(.*)"\)', r"\1", field.default).replace(".", "")
        return f'server_default=sa.text("{int(number)}"), '
{% else %}
    if field.kind == "decimal":
        number = re.sub(r'Decimal\("(.*)"\)', r"\1", field.default)
        return f'server_default=sa.text("{number}"), '
{% endif %}
    if field.kind == "bool":
        return f"server_default=sa.{field.default.lower()}(), "
    if field.kind in {"int", "float"}:
        return f'server_default=sa.text("{field.default}"), '
    return f"server_default={field.default}, "
