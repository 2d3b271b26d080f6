"""Imports between layers: `api -> services -> repositories, schemas <- db`."""

import ast
import re
from pathlib import Path

import pytest

APP = Path(__file__).parent.parent / "app"
PRIVATE = re.compile(r"(^|\.)_[^_]")

# Repository interfaces and schemas are shared by the layers, so they must not depend on any.
OUTER = {"sqlalchemy", "alembic", "fastapi", "starlette", "app.db", "app.api", "app.services"}
FORBIDDEN = {
    "api": {"sqlalchemy", "alembic", "app.db"},
    "services": {"alembic", "fastapi", "starlette", "app.api"},
    "repositories": OUTER,
    "schemas": OUTER | {"app.repositories"},
    "db": {"fastapi", "starlette", "app.api", "app.services"},
}


def parsed(module: Path) -> list[ast.AST]:
    return [*ast.walk(ast.parse(module.read_text(encoding="utf-8")))]


def imports(module: Path) -> set[str]:
    """Returns the modules that a file imports, with all of their parents."""
    names: set[str] = set()
    for node in parsed(module):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.module, f"{module}: import by the full name, not from a dot"
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return {
        ".".join(parts[:end])
        for name in names
        for parts in [name.split(".")]
        for end in range(1, len(parts) + 1)
    }


# Business rules and reports need SQLAlchemy's session.
ALLOWED = {"repositories/store.py": {"sqlalchemy"}}


@pytest.mark.parametrize("layer", FORBIDDEN)
def test_layers_import_only_allowed_modules(layer: str) -> None:
    modules = list((APP / layer).rglob("*.py"))
    assert layer == "services" or any(imports(module) for module in modules)
    for module in modules:
        allowed = ALLOWED.get(module.relative_to(APP).as_posix(), set())
        assert not imports(module) & FORBIDDEN[layer] - allowed, module


def private_names(module: Path) -> set[str]:
    """Returns names with a leading underscore that a file imports or reads from its imports."""
    nodes = parsed(module)
    imported = {
        alias.asname or alias.name.partition(".")[0]
        for node in nodes
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }
    attributes = {ast.unparse(node) for node in nodes if isinstance(node, ast.Attribute)}
    taken = {name for name in attributes if name.partition(".")[0] in imported}
    return {name for name in imports(module) | taken if PRIVATE.search(name)}


def test_the_app_uses_no_private_names_of_libraries() -> None:
    """Private names may change in any release; Ruff's SLF001 finds private attributes only."""
    assert {module: names for module in APP.rglob("*.py") if (names := private_names(module))} == {}


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("from library.core import _hidden", {"library.core._hidden"}),
        ("import library._core", {"library._core"}),
        ("import library as lib\nlib.core._hidden()", {"lib.core._hidden"}),
        ("from __future__ import annotations\nimport library\nlibrary.__version__", set()),
    ],
)
def test_private_names_are_detected(tmp_path: Path, source: str, expected: set[str]) -> None:
    module = tmp_path / "module.py"
    module.write_text(source, encoding="utf-8")
    assert private_names(module) == expected
