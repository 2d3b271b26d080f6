"""Changes the fields of a resource, so that its files are as `make resource` would write them."""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from app.db.autogenerate import KEPT
from tools.field.existing import attributes, specs, stored
from tools.field.kept import with_kept
from tools.field.merge import merged
from tools.field.operations import Pair, Rule, blocks, in_database, keys
from tools.resource.columns import in_revision
from tools.resource.fields import Field, Target, quoted
from tools.resource.names import NAME, Refused
from tools.resource.options import default, named, some_default
from tools.resource.parse import Resource, parse, split
from tools.resource.render import must_be_new, next_revision, own_texts, rendered, tidy

TEMPLATE = Path(__file__).parent / "revision.py.mako"
TEXTS = {"str", "text", "enum"}
LINK = "make field cannot change many() and list(): see docs/fields.md for what to do instead"
Texts = dict[Path, str]


@dataclass(frozen=True)
class Request:
    """The arguments of `make field`."""

    resource: str
    add: str = ""
    rename: str = ""
    change: str = ""
    drop: str = ""
    leave: str = ""


@dataclass(frozen=True)
class Written:
    changed: Texts
    created: Texts
    by_hand: str  # lines that the user has to add
    notes: list[str]


def changed(root: Path, request: Request) -> Written:
    plan = Plan(root, named(root, request.resource))
    for word in request.rename.split():
        plan.rename(*_both(word))
    for spec in split(request.change):
        plan.change(spec)
    for word in request.drop.split():
        plan.drop(*word.partition("=")[::2])
    for spec in split(request.add):
        plan.add(spec)
    return plan.written(re.findall(r"[^\s,]+", request.leave))


def _both(word: str) -> tuple[str, str]:
    old, _, new = word.partition(":")
    if not old or not NAME.fullmatch(new):
        raise Refused(f"{word!r} is not a valid rename: write OLD:NEW, like note:remark")
    return old, new


class Plan:
    """The planned changes of the fields, by their names in the schemas."""

    def __init__(self, root: Path, resource: Target) -> None:
        self.root = root
        self.resource = resource
        self.specs = specs(root, resource)
        self.columns = stored(resource)
        self.before = self._parsed()
        self.origins = {field.key: field for field in self.before.fields}
        self.rules: list[Rule] = [*self.before.together]
        self.dropped: list[Pair] = []
        self.kept: list[str] = []
        self.released: list[str] = []
        self.title: list[str] = []
        self.notes: list[str] = []
        # Columns that keep their names, that stay unused, and that are dropped.
        self.renamed: list[str] = []
        self.unused: dict[str, str] = {}
        self.finished: list[str] = []

    def rename(self, old: str, new: str) -> None:
        key = self._key(new)
        if key and self._key(old) is None and self.columns.get(key) in {old, f"{old}_id"}:
            self.title.append(f"rename column {self.columns.pop(key)} to {key}")
            self.notes = [
                "No release works with both names: stop the service while this revision is applied."
            ]
            return
        key = self._known_key(old)
        suffix = "_id" if self.origins[key].to else ""
        name = new.removesuffix(suffix)
        new_key = f"{name}{suffix}"
        if new_key == key or self._key(name):
            raise Refused(f"{name!r} already exists: choose another name")
        self._must_be_free(new_key, but=self.columns.get(key, key))
        self.specs = {
            new_key if each == key else each: _renamed(spec, self.origins[key], name)
            for each, spec in self.specs.items()
        }
        self.origins[new_key] = self.origins.pop(key)
        column = self.columns.pop(key, key)
        if column != new_key:
            self.columns[new_key] = column
            self.renamed.append(f"{self.resource.plural}.{column}")

    def change(self, spec: str) -> None:
        key = self._known_key(spec.partition(":")[0])
        name = self.specs[key].partition(":")[0]
        self.specs[key] = re.sub("^[^:]+", name, spec)
        self.title.append(f"change {name}")

    def drop(self, word: str, value: str) -> None:
        if self._key(word) is None and (names := self._kept(word)):
            self.released += names
            self.finished.append(word)
            return
        key = self._known_key(word, *self._waiting())
        field = self.origins.pop(key)
        spec = self.specs.pop(key)
        self.columns.pop(key, None)
        rules = [rule for rule in self.rules if field in rule]
        self.rules = [rule for rule in self.rules if field not in rule]
        self.specs = {
            each: spec
            for each, spec in self.specs.items()
            if not (spec.startswith("unique(") and {field.key, field.name} & _words(spec))
        }
        unused = field
        if not field.optional:
            unused = self._with_default(field, value, spec, rules)
            field = replace(field, default="")
        self.dropped.append((field, unused))
        self.title.append(f"stop using {field.name}")
        column = f"{self.resource.plural}.{field.column}"
        self.kept += [column, *keys(self.resource, [field], rules)]
        self.unused[column] = word if field.column in {word, f"{word}_id"} else field.column

    def add(self, spec: str) -> None:
        name = spec.partition(":")[0]
        known = {each for each in (name, f"{name}_id") if each in attributes(self.resource)}
        if known - {field.key for field in self.before.fields}:
            raise Refused(f"{name!r} is already in the table: choose another name")
        self.specs[f"new {len(self.specs)}"] = spec
        for column in (name, f"{name}_id"):
            self._must_be_free(column)
        self.title.append(f"add {name}")

    def _must_be_free(self, column: str, but: str = "") -> None:
        full_name = f"{self.resource.plural}.{column}"
        if full_name in KEPT or column in {*self.columns.values()} - {but}:
            raise Refused(
                f"the column {full_name} is still in the database: finish dropping or renaming it, with "
                "the same command again, or choose another name"
            )

    def _waiting(self) -> list[str]:
        """Returns the columns that wait to be dropped."""
        start = f"{self.resource.plural}."
        return sorted(name.removeprefix(start) for name in KEPT if name.startswith(start))

    def _notes(self) -> Iterator[str]:
        yield from self.notes
        reason = "so that the previous release can run next to this one"
        if self.renamed:
            yield (
                f"Columns that keep their names, {reason}: {', '.join(self.renamed)}. In a later "
                "release, run the same command again to rename them too."
            )
        if self.unused:
            yield (
                f"Columns that stay, {reason}: {', '.join(self.unused)}. In a later release, drop "
                f'them with: make field resource={self.resource.name} drop="{" ".join(self.unused.values())}"'
            )
        if self.finished:
            words = ", ".join(self.finished)
            yield f'Now run: make migration m="drop {words} of {self.resource.plural}"'

    def written(self, leave: Collection[str]) -> Written:
        if not self.specs:
            raise Refused(
                "a resource needs at least one field: add another one in the same command, or remove "
                "the resource with make remove"
            )
        after = self._parsed()
        if after == self.before and not self.released:
            raise Refused('nothing would change: set an argument, like add="note:text?"')
        parts, before = ([*each.links, *each.lists] for each in (after, self.before))
        if len(parts) > len(before):
            raise Refused(LINK)
        if self.before.has_fake != after.has_fake:
            raise Refused(
                "a referenced resource has no fake in tests/fakes: delete the fake of "
                f"{self.resource.name} first"
            )
        pairs: list[Pair] = [*self.dropped]
        for field in after.fields:
            old, spec = self.origins.get(field.key), self._spec(field)
            if old:
                _check(old, field)
                _check_null(self.resource, old, field, spec)
            else:
                _check_new(field, spec)
            pairs.append((old, field))
        texts, conflicts = self._texts(after)
        if conflicts.keys() - {*map(Path, leave)}:
            listed = _listed(conflicts)
            names = " ".join(path.as_posix() for path in sorted(conflicts))
            raise Refused(
                f"these lines belong where the files were edited:\n{listed}"
                f'To write everything else and add these lines yourself, add leave="{names}"'
            )
        texts |= with_kept(self.root, self.kept, self.released)
        return Written(
            texts, self._revision(pairs, [*after.together]), _listed(conflicts), [*self._notes()]
        )

    def _parsed(self) -> Resource:
        fakes = self.root / "tests" / "fakes" / f"{self.resource.plural}.py"
        options = {
            "plural": self.resource.plural,
            "owner": "user" if self.resource.owned else "",
            "fake": "" if fakes.is_file() else "no",
        }
        found = parse(self.root, self.resource.name, " ".join(self.specs.values()), **options)
        fields = {
            each.key: replace(each, stored=self.columns.get(each.key, "")) for each in found.fields
        }
        together = (tuple(fields[each.key] for each in rule) for rule in found.together)
        return replace(found, fields=tuple(fields.values()), together=tuple(together))

    def _key(self, word: str) -> str | None:
        for key, spec in self.specs.items():
            if word in {key, spec.partition(":")[0]}:
                return key
        return None

    def _spec(self, field: Field) -> str:
        return next(spec for spec in self.specs.values() if spec.startswith(f"{field.name}:"))

    def _known_key(self, word: str, *columns: str) -> str:
        key = self._key(word)
        if key in self.origins:
            return key
        if key:
            raise Refused(LINK)
        known = ", ".join([*(field.name for field in self.origins.values()), *columns])
        raise Refused(f"{word!r} is not a field that make resource wrote: use one of {known}")

    def _kept(self, word: str) -> list[str]:
        """Returns the names in `KEPT` that belong to the column of a dropped field."""
        plural = self.resource.plural
        for column in (word, f"{word}_id"):
            if f"{plural}.{column}" in KEPT:
                by = "owner_" * self.resource.owned
                named_after = re.compile(
                    rf"(ck|fk|ix)_{plural}_{column}|ix_{plural}_{by}{column}_id"
                    rf"|uq_{plural}_(\w+_)?{column}(_\w+)?"
                )
                return [f"{plural}.{column}", *filter(named_after.fullmatch, KEPT)]
        return []

    def _with_default(self, field: Field, value: str, spec: str, rules: list[Rule]) -> Field:
        """Returns the field with the default that the previous release reads in new rows."""
        is_unique = field.unique or bool(rules)
        other = some_default(field)
        if value and not is_unique and (other or field.default):
            return replace(field, default=default(field, value, spec))
        if field.default and not (value or is_unique):
            return field
        advice = f'set a default for them, like drop="{field.name}={other}", or '
        not_unique = "".join(
            f", and a default would violate unique({','.join(each.name for each in rule)})"
            for rule in rules[:1]
        )
        raise Refused(
            f"the previous release still needs {field.name!r} in new rows{not_unique}: "
            f"{advice * bool(other and not is_unique)}make it optional first, with "
            f'change="{_changed(spec, null=True)}", and drop it in a later release'
        )

    def _texts(self, after: Resource) -> tuple[Texts, Texts]:
        """Returns the new texts of files, and the changes that cannot be merged into them."""
        old, new = own_texts(self.root, self.before), own_texts(self.root, after)
        texts, conflicts = {}, {}
        for path in old:
            file = self.root / path
            if old[path] == new[path] or not file.is_file():
                continue
            text, diff = merged(file.read_text(encoding="utf-8"), old[path], new[path])
            # Imports of lines that the user has to add are not used yet.
            texts[path] = tidy(self.root, path, text, "--select", "I" if diff else "F401,I")
            if diff:
                conflicts[path] = diff
        return texts, conflicts

    def _revision(self, pairs: list[Pair], rules: list[Rule]) -> Texts:
        up = blocks(self.resource, pairs, self.rules, rules)
        if not up:
            return {}
        title = f"{self.resource.plural}: {', '.join(self.title)}"
        slug = re.sub(r"\W+", "_", title)[:60].rstrip("_")
        path, ids = next_revision(self.root, slug)
        variables = {
            **ids,
            "title": title,
            "table": self.resource.plural,
            "up": up,
            "down": blocks(self.resource, [(new, old) for old, new in pairs], rules, self.rules),
            "filled": [new for old, new in pairs if old and new and old.optional > new.optional],
            "in_revision": in_revision,
            "in_database": in_database,
            "quoted": quoted,
        }
        text = tidy(self.root, path, rendered(TEMPLATE, variables))
        must_be_new(self.root, text)
        return {path: text}


def _listed(conflicts: Texts) -> str:
    return "\n".join(f"{path.as_posix()}\n{conflicts[path]}" for path in sorted(conflicts))


def _renamed(spec: str, field: Field, name: str) -> str:
    """Returns the spec with another name for `field`."""
    if spec.startswith("unique("):
        return re.sub(rf"\b({field.name}|{field.key})\b", name, spec)
    return re.sub(rf"^{field.name}:", f"{name}:", spec)


def _words(rule: str) -> set[str]:
    return {*re.findall(r"\w+", rule)} - {"unique"}


def _changed(spec: str, *, null: bool, default: str | None = None) -> str:
    """Returns the spec as optional or required, and with another default if one is given."""
    found = re.match(r"[^:]+:\w+(\((?:[^()]|\([^()]*\))*\))?", spec)
    if not found:
        return spec
    rest = spec[found.end() :].replace("?", "")
    if default is not None:
        rest = re.sub(r"(?<![<>])=[^<>=:?]+", "", rest) + f"={default}" * bool(default)
    return f"{found[0]}{'?' * null}{rest}"


def _check_new(field: Field, spec: str) -> None:
    optional = _changed(spec, null=True, default="")
    if field.unique and (field.default or not field.optional):
        raise Refused(
            f'{field.name!r} would be the same in all existing rows: write add="{optional}"'
        )
    if not (field.optional or field.default):
        text = some_default(field)
        other = f'add="{_changed(spec, null=False, default=text)}" or ' if text else ""
        raise Refused(
            f'{field.name!r} needs a value for existing rows: write {other}add="{optional}"'
        )


def _check(old: Field, new: Field) -> None:
    if old.kind != new.kind and not {old.kind, new.kind} <= TEXTS:
        raise Refused(
            f"{new.name!r} is {old.kind} and cannot become {new.kind}: add another field, fill it in "
            "the revision, and drop this one"
        )
    if old.element and new.element and old.element.kind != new.element.kind:
        raise Refused(
            f"{new.name!r} is an array of {old.element.kind} and cannot become one of "
            f"{new.element.kind}: add another field, fill it in the revision, and drop this one"
        )
    if old.element and new.element and old.element.size > new.element.size:
        raise Refused(
            f"{new.name!r} may have elements of {old.element.size} characters in existing rows, which the "
            "database does not check: add another field, fill it in the revision, and drop this one"
        )
    if old.places != new.places:
        raise Refused(
            f"{new.name!r} has {old.places} decimal places, also in the previous release: add another "
            "field, fill it in the revision, and drop this one"
        )
    if old.to != new.to:
        raise Refused(f"{new.name!r} cannot reference another resource: add another field")


def _check_null(resource: Target, old: Field, new: Field, spec: str) -> None:
    """Raises `Refused` if an optional field becomes required without a default."""
    if new.optional or not old.optional or (old.default and new.default):
        return
    problem = f"{new.name!r} may be null in existing rows and in rows of the previous release"
    text = None if new.default else some_default(new)
    if text == "":
        raise Refused(
            f"{problem}, and the type {new.kind} has no default: keep the ?. To require a value in new "
            f"rows, write `{new.key}: {new.in_create}` in {resource.entity}Create of "
            f"app/schemas/{resource.plural}.py, and correct the lines of "
            f"tests/api/test_{resource.plural}.py that then fail"
        )
    first, then = (_changed(spec, null=null, default=text) for null in (True, False))
    if old.default:
        raise Refused(f'{problem}: add a default, with change="{then}"')
    raise Refused(
        f'{problem}: release it with a default first, with change="{first}", then in a later release '
        f'use change="{then}"'
    )
