"""`make pictures` makes the README's pictures again, in docs/images.

Terminal sessions, the API docs in Chromium, and the board's queries in Prometheus.
"""

import re
import shutil
import sys
import tempfile
from pathlib import Path

import pytest
from rich.console import Console
from rich.markup import escape
from rich.text import Text
from rich.tree import Tree

from tests import board
from tests.browser import HOST, chromium, open_tab
from tests.conftest import IDENTITY, ROOT, Service, render
from tests.test_services import serving

IMAGES = ROOT / "docs" / "images"
WIDTH = 100
FIELDS = "title:str(128) starts_at:datetime place:ref(item)"
EXPANDED = {"app": "*", "tests": "*/"}  # what is shown of these folders; of the others nothing


def terminal() -> Console:
    return Console(record=True, width=WIDTH, file=Path("/dev/null").open("w"), color_system=None)


def prompt(console: Console, command: str) -> None:
    console.print(f"[bold green]$[/] [bold]{escape(command)}[/]", highlight=False)


def save(console: Console, name: str, title: str) -> None:
    IMAGES.mkdir(exist_ok=True)
    svg = console.export_svg(title=title, unique_id=name)
    # A web font is not loaded in an image.
    svg = re.sub(r"@font-face \{.*?\}\n", "", svg, flags=re.DOTALL)
    text = "\n".join(line.rstrip() for line in svg.strip().splitlines())
    (IMAGES / f"{name}.svg").write_text(f"{text}\n", encoding="utf-8")


def add_entries(tree: Tree, folder: Path, pattern: str) -> None:
    if not pattern:
        return
    entries = (path for path in folder.glob(pattern) if path.name not in {".git", "__init__.py"})
    for path in sorted(entries, key=lambda path: (path.is_file(), path.name)):
        if path.is_file():
            tree.add(Text(path.name))
        else:
            branch = tree.add(Text(f"{path.name}/", style="bold blue"))
            add_entries(branch, path, EXPANDED.get(path.name, ""))


def record_render(folder: Path) -> Service:
    console = terminal()
    prompt(console, "uvx cookiecutter gh:<org>/<repo> --no-input database=postgres")
    output = render(folder, "database=postgres", "setup=files")
    console.print(escape(output.splitlines()[0]), highlight=False)
    prompt(console, "tree my-service")
    tree = Tree(Text("my-service/", style="bold blue"))
    add_entries(tree, folder / "my-service", "*")
    console.print(tree)
    save(console, "render", "my-service")
    return Service(folder / "my-service", {"database": "postgres"})


def record_resource(service: Service) -> None:
    service.run("make", "install")
    for command in ("init --quiet", "add --all", "commit --quiet --message First"):
        service.run("git", *command.split(), **IDENTITY)
    console = terminal()
    prompt(console, f'make resource name=event fields="{FIELDS}"')
    output = service.run("make", "--silent", "resource", "name=event", f"fields={FIELDS}")
    console.print(escape(output.strip()), highlight=False)
    prompt(console, "git add --all && git diff --cached --shortstat")
    service.run("git", "add", "--all")
    changed = service.run("git", "diff", "--cached", "--shortstat")
    console.print(escape(changed.strip()), highlight=False)
    prompt(console, "make check")
    checked = service.run("make", "check").strip().splitlines()
    summary = re.compile(r"files already formatted|All checks passed|Success: |passed")
    lines = [line.strip("= ") for line in checked if summary.search(line)]
    console.print(escape("\n".join(lines)), style="green", highlight=False)
    save(console, "resource", "make resource")


def photograph_docs(service: Service, profile: Path) -> None:
    with serving(service, ALLOWED_HOSTS=f"127.0.0.1,{HOST}") as (url, _), open_tab(profile) as tab:
        tab.command("Page.navigate", url=f"{url.replace('127.0.0.1', HOST)}/docs")
        picture = tab.screenshot(800, ".opblock-tag-section:has(#operations-health-readyz)")
    (IMAGES / "api-docs.png").write_bytes(picture)


def check_programs() -> None:
    try:
        chromium()
    except pytest.fail.Exception as error:
        sys.exit(str(error))
    if not shutil.which("prometheus"):
        sys.exit("Install Prometheus: prometheus is not on the PATH.")


if __name__ == "__main__":
    check_programs()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        service = record_render(folder)
        record_resource(service)
        photograph_docs(service, folder / "chromium")
        (IMAGES / "board.svg").write_text(board.record(service, folder), encoding="utf-8")
