"""The layers: `api -> repositories, schemas <- db`, each told here what it may not import."""

import ast
from pathlib import Path

import pytest

APP = Path(__file__).parent.parent / "app"

FORBIDDEN = {
    "api": {"sqlalchemy", "alembic", "app.db"},
    "repositories": {"sqlalchemy", "alembic", "fastapi", "starlette", "app.db", "app.api"},
    "schemas": {
        "sqlalchemy",
        "alembic",
        "fastapi",
        "starlette",
        "app.db",
        "app.api",
        "app.repositories",
    },
    "db": {"fastapi", "starlette", "app.api"},
}


def imports(module: Path) -> set[str]:
    """The modules that a file imports, with all of their parents."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
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


@pytest.mark.parametrize("layer", FORBIDDEN)
def test_a_layer_imports_nothing_that_it_must_not_know(layer: str) -> None:
    modules = list((APP / layer).rglob("*.py"))
    assert any(imports(module) for module in modules)
    for module in modules:
        assert not imports(module) & FORBIDDEN[layer], module
