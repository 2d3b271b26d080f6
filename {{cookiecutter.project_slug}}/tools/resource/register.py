"""Registration of a resource: lines in existing files, which people edit too."""

import re
from pathlib import Path

from tools.resource.fields import Target
from tools.resource.names import Refused
from tools.resource.parse import Resource
from tools.resource.render import tidy

# Text and pattern: the text is inserted after the pattern's first match, or replaces group `old`.
Line = tuple[str, str]
IMPORTS = r"^(?=from )"  # sorted afterwards
# Before the router of the probes, which comes last.
ROUTERS = (
    r"^(    app\.include_router\((?!health\.).*\n)+|^(?=    app\.include_router\(health\.router\))"
)
FIELDS = r'^class Repositories:\n(    """.*\n\n?)?(    \w+: .*\n)*'
ARGUMENTS = r"^    return Repositories\(\n(        .*\n)*"
FAKES = r"^    return with_fakes\((\n(        .*\n)*)?"


def registered(root: Path, resource: Resource) -> dict[Path, str]:
    """Returns the changed files with their new text; omits files that contain the lines already."""
    return with_lines(root, lines_of(resource, has_fake=resource.has_fake))


def with_lines(root: Path, added: dict[str, list[Line]]) -> dict[Path, str]:
    """Returns files with inserted lines; omits files that already contain their last line."""
    texts = {}
    for name, lines in added.items():
        path = Path(name)
        text = (root / path).read_text(encoding="utf-8") if (root / path).is_file() else ""
        if lines[-1][0].rstrip(", \n") in text:
            continue
        for line, pattern in lines:
            location = re.search(pattern, text, re.MULTILINE)
            if not location:
                missing = " and ".join(f"`{line.strip()}`" for line, _ in lines)
                raise Refused(
                    f"{name} has changed, so {missing} cannot be inserted: add them yourself, then run "
                    "this command again"
                )
            start = location.start("old") if "old" in location.re.groupindex else location.end()
            text = text[:start] + line + text[location.end() :]
        # Sorts imports and `__all__` only: all else stays as it is.
        is_code = path.suffix == ".py"
        texts[path] = tidy(root, path, text, "--select", "I,RUF022") if is_code else text
    return texts


def lines_of(resource: Target, *, has_fake: bool) -> dict[str, list[Line]]:
    name, entity = resource.plural, resource.entity
    interface, repository = f"{entity}Repository", f"Sql{entity}Repository(session)"
    imports: tuple[list[Line], list[Line]] = [], []
    if resource.owned:
        interface = f"Owned[{interface}]"
        repository = f"Owned(partial(Sql{entity}Repository, session))"
        owned = ("from app.repositories.owned import Owned\n", IMPORTS)
        imports = [owned], [owned, ("from functools import partial\n", IMPORTS)]
    fakes: dict[str, list[Line]] = {
        "tests/fakes/store.py": [
            (f"from tests.fakes.{name} import InMemory{entity}Repository\n", IMPORTS),
            (f'        {name}=InMemory{entity}Repository(tables["{name}"]),\n', FAKES),
        ],
    }
    return {
        "app/main.py": [
            (f"from app.api.routes import {name}\n", IMPORTS),
            (f"    app.include_router({name}.router)\n", ROUTERS),
        ],
        "app/db/tables/__init__.py": [
            (f"from app.db.tables.{name} import {entity}Table\n", IMPORTS),
            (f'"{entity}Table", ', r"^__all__ = \[\s*"),
        ],
        "app/repositories/store.py": [
            *imports[0],
            (f"from app.repositories.{name} import {entity}Repository\n", IMPORTS),
            (f"    {name}: {interface}\n", FIELDS),
        ],
        "app/db/session.py": [
            *imports[1],
            (f"from app.db.sql.{name} import Sql{entity}Repository\n", IMPORTS),
            (f"        {name}={repository},\n", ARGUMENTS),
        ],
        **(fakes if has_fake else {}),
    }
