"""Where the rest of a service refers to a resource."""

import ast
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from tools.resource.fields import Target
from tools.resource.names import Refused
from tools.resource.render import MIGRATIONS

FOLDERS = ("app", "tests")
NOTHING = r"(?!)"
TABLE = {"table", "sa.table", "sqlalchemy.table", "Table", "sa.Table", "sqlalchemy.Table"}
FOREIGN_KEY = ("ForeignKeyConstraint", "create_foreign_key")
# The table may be any of those after the keyword.
SQL = r"(?is)\b(FROM|JOIN|INTO|UPDATE|TABLE|REFERENCES)\s.*\b"


@dataclass(frozen=True)
class Names:
    """The names by which code refers to a resource."""

    modules: Collection[str]
    plural: str = ""
    texts: str = NOTHING  # in strings: URLs, foreign keys, modules and classes
    sql: str = NOTHING
    tables: str = NOTHING


def modules_of(paths: Collection[Path]) -> set[str]:
    return {".".join(path.with_suffix("").parts) for path in paths}


def names_of(resource: Target, paths: Collection[Path], tables: list[str]) -> Names:
    modules = modules_of(paths)
    any_table = "|".join(tables or [resource.plural])
    texts = (
        *(rf"^{re.escape(module)}$" for module in modules),
        rf"^(create|read|update|delete)_{resource.name}$|^list_{resource.plural}$",
        rf"{resource.url}(?![\w-])",
        rf"^({any_table})\.\w+$",
        rf"\b{resource.entity}Table\b",
    )
    return Names(modules, resource.plural, "|".join(texts), rf"{SQL}({any_table})\b", any_table)


def references(
    root: Path, names: Names, removed: Collection[Path], changed: dict[Path, str]
) -> dict[str, list[int]]:
    """Returns line numbers by file; `changed` has texts that replace those of the files."""
    found = {}
    for folder in FOLDERS:
        for file in sorted((root / folder).rglob("*.py")):
            path = file.relative_to(root)
            # Earlier revisions stay as they are.
            if path in removed or path.is_relative_to(MIGRATIONS / "versions"):
                continue
            text = changed.get(path) or file.read_text(encoding="utf-8")
            try:
                tree = ast.parse(text)
            except SyntaxError as error:
                name = path.as_posix()
                raise Refused(f"{name}:{error.lineno} is not valid Python: fix it first") from None
            if lines := {*_lines(tree, names, has_sql=folder == "app")}:
                found[path.as_posix()] = sorted(lines)
    return found


def may_refer(root: Path, key: str, tables: Collection[str]) -> bool:
    """Returns whether a foreign key of this name may reference one of the tables.

    It may if a revision creates it so, or if no revision creates it.
    """
    created = [
        {table.partition(".")[0] for table in words}
        for path in (root / MIGRATIONS / "versions").glob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith(FOREIGN_KEY)
        if key in (words := {*_strings(node)})
    ]
    return not created or any(not words.isdisjoint(tables) for words in created)


def _strings(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def _lines(tree: ast.Module, names: Names, *, has_sql: bool) -> Iterator[int]:
    prose = {node.value for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            imported = {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
            if not imported.isdisjoint(names.modules):
                yield node.lineno
        elif isinstance(node, ast.Import):
            if not {alias.name for alias in node.names}.isdisjoint(names.modules):
                yield node.lineno
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in prose:
            is_named = re.search(names.texts, node.value)
            if is_named or (has_sql and re.search(names.sql, node.value)):
                yield node.lineno
        elif isinstance(node, ast.Call) and node.args:
            of_table = ast.unparse(node.func) in TABLE
            if of_table and re.fullmatch(f"'({names.tables})'", ast.unparse(node.args[0])):
                yield node.lineno
        elif (
            isinstance(node, ast.Attribute)
            and node.attr == names.plural
            and ast.unparse(node.value).endswith("repositories")
        ):
            yield node.lineno
