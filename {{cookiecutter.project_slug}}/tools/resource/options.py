"""What a field's type is given: a length, words, a resource, bounds and a default."""

import re
from decimal import Decimal
from pathlib import Path

from app.schemas.base import MAX_INT, NUMBER
from tools.resource.fields import Field, Target, quoted
from tools.resource.names import NAME, Refused, camel

NUMBERS = {"int": r"-?\d{1,10}", "float": r"-?\d{1,15}(\.\d{1,15})?", "decimal": NUMBER}
WORD = re.compile(r"[\w.,+-]+")
LONGEST_STR = 10_000


def size(given: str | None, spec: str) -> int:
    if given is not None and not re.fullmatch(r"[1-9]\d{0,4}", given):
        raise Refused(f"{given!r} of {spec!r} is no length: take 1 to {LONGEST_STR}")
    if given and int(given) > LONGEST_STR:
        raise Refused(f"{spec!r} is too long: take {LONGEST_STR} at most, or text")
    return int(given or 255)


def choices(given: str | None, spec: str) -> tuple[str, ...]:
    words = tuple(word.strip() for word in (given or "").split(","))
    if not all(map(NAME.fullmatch, words)) or len({*words}) < max(2, len(words)):
        raise Refused(f"{spec!r} needs two or more different words, like enum(draft,published)")
    return words


def target(root: Path, given: str | None, spec: str) -> Target:
    for path in sorted((root / "app" / "schemas").glob("*.py")):
        entity = rf"^class {camel(given or '')}\(Entity\):"
        if given and re.search(entity, path.read_text(encoding="utf-8"), re.MULTILINE):
            test = root / "tests" / "api" / f"test_{path.stem}.py"
            if test.is_file() and "\ndef create(client: " in test.read_text(encoding="utf-8"):
                return Target(given, path.stem)
            raise Refused(f"tests/api/test_{path.stem}.py has no create(client): write one first")
    raise Refused(f"{spec!r} refers to no resource: write one that is there, like ref(item)")


def number(kind: str, text: str, spec: str) -> Decimal:
    pattern = NUMBERS.get(kind)
    if not pattern:
        raise Refused(f"{spec!r} has a bound, which only {', '.join(NUMBERS)} have: leave it out")
    if not re.fullmatch(pattern, text) or (kind == "int" and abs(int(text)) > MAX_INT):
        raise Refused(f"{text!r} of {spec!r} is no {kind} that fits: take another")
    return Decimal(text)


def default(field: Field, text: str | None, spec: str) -> str:
    """As it is written in Python."""
    if text is None:
        return ""
    if field.kind in NUMBERS:
        value = number(field.kind, text, spec)
        low, high = field.low, field.high
        if (low is None or low <= value) and (high is None or value <= high):
            return field.written(value)
    elif field.kind == "bool" and text in {"true", "false"}:
        return text.title()
    elif text in field.choices or _is_text(field, text):
        return quoted(text)
    raise Refused(f"{text!r} of {spec!r} is no default that it may have: take another, or none")


def _is_text(field: Field, text: str) -> bool:
    fits = field.kind == "text" or (field.kind == "str" and len(text) <= field.size)
    return fits and WORD.fullmatch(text) is not None
