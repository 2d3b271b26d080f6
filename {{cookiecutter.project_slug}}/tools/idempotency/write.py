"""Idempotency keys: the files and lines that `make idempotency` writes."""

import re
from collections.abc import Iterator
from pathlib import Path
from textwrap import indent

from tools.parts import Part
from tools.resource.register import ARGUMENTS, FIELDS, IMPORTS, Line

SETTINGS = """
    # Seconds for which the response to a request with an Idempotency-Key is kept.
    idempotency_key_lifetime: PositiveInt = 86_400
"""
HANDLERS = "HANDLERS | {Replayed: replay}"
ROW = """\
| `IDEMPOTENCY_KEY_LIFETIME` | 86400 | seconds for which the response to a request with an `Idempotency-Key` is kept: [idempotency.md](idempotency.md) |
"""
NOT_IN_SCHEMA = '    "was already used for another request",\n'
LINES: dict[str, list[Line]] = {
    "app/settings.py": [(SETTINGS, r"^    metrics: .*\n")],
    "app/main.py": [
        ("from app.api.idempotency import Replayed, replay\n", IMPORTS),
        (HANDLERS, r"^        exception_handlers=(?P<old>HANDLERS)(?=,$)"),
    ],
    "app/db/tables/__init__.py": [
        ('"IdempotencyKeyTable", ', r"^__all__ = \[\s*"),
        ("from app.db.tables.idempotency import IdempotencyKeyTable\n", IMPORTS),
    ],
    "app/repositories/store.py": [
        ("from app.repositories.idempotency import IdempotencyKeyRepository\n", IMPORTS),
        ("    idempotency_keys: IdempotencyKeyRepository\n", FIELDS),
    ],
    "app/db/session.py": [
        ("from app.db.sql.idempotency import SqlIdempotencyKeyRepository\n", IMPORTS),
        ("        idempotency_keys=SqlIdempotencyKeyRepository(session),\n", ARGUMENTS),
    ],
}
OPTIONAL: dict[str, list[Line]] = {
    "docs/settings.md": [(ROW, r"^\| `METRICS` .*\n")],
    ".env.example": [("# IDEMPOTENCY_KEY_LIFETIME=86400\n", r"^# METRICS=.*\n")],
    "tests/api/test_fuzzing.py": [(NOT_IN_SCHEMA, r"^NOT_IN_SCHEMA = \(\n")],
    "compose.yaml": [("    IDEMPOTENCY_KEY_LIFETIME:\n", r"^    LOG_LEVEL:\n")],
}

# The POST route that `make resource` writes in a service without idempotency keys.
CREATE = re.compile(
    r"^    new: \w+,\n(?P<rest>(?:    .*\n)*\) -> \w+:\n)"
    r"(?P<body>    (?:\w+ )?with store\.write\(\) as repositories:\n"
    r"        (?P<name>\w+) = .*\.add\(new\)\n)"
    r"(?P<headers>(?:    response\.headers\[.*\n)+)"
    r"    return (?P=name)\n",
    re.MULTILINE,
)


def part(root: Path) -> Part:
    return Part(
        templates=Path(__file__).parent / "templates",
        revision="create_idempotency_keys",
        lines=LINES | dict(_routes(root)),
        optional=OPTIONAL,
        dependencies=(),
        needs_services=False,
    )


def _routes(root: Path) -> Iterator[tuple[str, list[Line]]]:
    for path in sorted((root / "app" / "api" / "routes").glob("*.py")):
        if create := CREATE.search(path.read_text(encoding="utf-8")):
            yield path.relative_to(root).as_posix(), _lines(create)


def _lines(create: re.Match[str]) -> list[Line]:
    body = create["body"].replace("store.write()", "once.write(store)")
    keep = indent(f"{create['headers']}    once.keep({create['name']}, response)\n", "    ")
    new = f"    once: OnceDep,\n{create['rest']}{body}{keep}    return {create['name']}\n"
    first, _, old = create[0].partition("\n")
    return [
        (new, f"^{re.escape(first)}\n(?P<old>{re.escape(old)})"),
        ("from app.api.idempotency import OnceDep\n", IMPORTS),
    ]
