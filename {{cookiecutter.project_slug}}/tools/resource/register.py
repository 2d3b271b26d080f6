"""The lines by which the service knows a resource, in files that people write to as well."""

import re
from pathlib import Path

from tools.resource.names import Refused
from tools.resource.parse import Resource
from tools.resource.render import tidy

# Each is written where the first match of its pattern ends.
Line = tuple[str, str]
IMPORTS = r"^(?=from )"  # they are sorted later
ROUTERS = r"^(    app\.include_router\((?!health\.).*\n)+"
FIELDS = r"^class Repositories:\n(    \w+: .*\n)*"
ARGUMENTS = r"^    return Repositories\(\n(        .*\n)*"


def registered(root: Path, resource: Resource) -> dict[Path, str]:
    """Those files with their new lines; a file that has them already is left out."""
    texts = {}
    for name, lines in _lines(resource).items():
        path = Path(name)
        text = (root / path).read_text(encoding="utf-8") if (root / path).is_file() else ""
        if lines[-1][0].rstrip(", \n") in text:
            continue
        for line, pattern in lines:
            place = re.search(pattern, text, re.MULTILINE)
            if not place:
                wanted = " and ".join(f"`{line.strip()}`" for line, _ in lines)
                raise Refused(f"{name} has no place for {wanted}: add both yourself")
            text = text[: place.end()] + line + text[place.end() :]
        # Sorted is what has come in; all else stays as it is.
        texts[path] = tidy(root, path, text, "--select", "I,RUF022")
    return texts


def _lines(resource: Resource) -> dict[str, list[Line]]:
    name, entity = resource.plural, resource.entity
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
            (f"from app.repositories.{name} import {entity}Repository\n", IMPORTS),
            (f"    {name}: {entity}Repository\n", FIELDS),
        ],
        "app/db/session.py": [
            (f"from app.db.repositories.{name} import Sql{entity}Repository\n", IMPORTS),
            (f"        {name}=Sql{entity}Repository(connection),\n", ARGUMENTS),
        ],
        "tests/fakes/store.py": [
            (f"from tests.fakes.{name} import InMemory{entity}Repository\n", IMPORTS),
            (f'        {name}=InMemory{entity}Repository(tables["{name}"]),\n', ARGUMENTS),
        ],
    }
