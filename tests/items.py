"""`make items` writes the items of the template as `make resource` would write them in a service.

So the templates in the service's tools/resource are the only definition of a resource.
"""

import json
import re
import tempfile
from pathlib import Path

from tests.conftest import TEMPLATE, Service, render

ITEMS = (
    "name:str(128):unique description:text? quantity:int>=0=0 is_active:bool=true "
    "available_from:datetime?"
)
WRITE = f"""
import json
from pathlib import Path
from tools.resource.parse import parse
from tools.resource.render import files
written = files(Path(), parse(Path(), "item", {ITEMS!r}))
print(json.dumps({{path.as_posix(): text for path, text in written.items()}}))
"""


def generated_files(service: Service) -> dict[str, str]:
    """Returns the items' files, by name, as the service's generator writes them."""
    output = service.run("uv", "run", "--no-sync", "python", "-c", WRITE)
    files: dict[str, str] = json.loads(output)
    return files


def for_both_databases(text: str) -> str:
    """Adds the condition for the collation, the only difference between the revisions."""
    return re.sub(
        r'^.* collation="BINARY".*\n',
        lambda line: (
            '{% if cookiecutter.database == "sqlite" %}\n'
            f"{line[0]}{{% else %}}\n{line[0].replace('BINARY', 'C')}{{% endif %}}\n"
        ),
        text,
        flags=re.MULTILINE,
    )


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        render(Path(folder), "setup=files", "database=sqlite", "concurrency=async")
        service = Service(Path(folder) / "my-service", {})
        service.run("uv", "sync")
        for name, text in generated_files(service).items():
            (TEMPLATE / name).write_text(for_both_databases(text), encoding="utf-8")
