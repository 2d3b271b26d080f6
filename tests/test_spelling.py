"""The table that rewrites async source to sync is complete and has no unused row."""

import ast
import io
import re
import tokenize

import pytest

from tests.conftest import (
    TEMPLATE,
    Bake,
    constant,
)

HOOK = "post_gen_project.py"
ASYNC = re.compile(r"async|await", re.IGNORECASE)


SPELLING: list[tuple[str, str]] = constant(HOOK, "SYNC_SPELLING")
SPELLED: list[str] = constant(HOOK, "SPELLED")
STAYS_ASYNC: dict[str, list[tuple[str, str]]] = constant(HOOK, "STAYS_ASYNC")


def sources(rendered: Bake) -> dict[str, str]:
    """Returns the Python sources and templates of async services that sync ones have too.

    Joins files that differ by database.
    """
    found: dict[str, str] = {}
    for database in ("sqlite", "postgres"):
        service, blocking = (
            rendered(database=database),
            rendered(database=database, concurrency="sync"),
        )
        for path in (*service.files("*.py"), *service.files("*.mako"), *service.files("docs/*.md")):
            name = path.relative_to(service.path).as_posix()
            if not (blocking.path / name).exists():
                continue
            found[name] = found.get(name, "") + path.read_text(encoding="utf-8")
    return found


def test_the_table_lists_exactly_the_async_files(rendered: Bake) -> None:
    is_async = {name for name, text in sources(rendered).items() if ASYNC.search(text)}
    only_sync = {"app/api/threads.py", "tests/api/test_threads.py"}
    assert is_async | only_sync == {*SPELLED, *STAYS_ASYNC}
    assert set(SPELLED).isdisjoint(STAYS_ASYNC)


@pytest.mark.parametrize("row", SPELLING, ids=lambda row: row[0])
def test_every_row_is_needed(rendered: Bake, row: tuple[str, str]) -> None:
    pattern, replacement = row
    spelled = [text for name, text in sources(rendered).items() if name in SPELLED]
    before = SPELLING[: SPELLING.index(row)]
    for earlier_pattern, earlier_replacement in before:
        spelled = [re.sub(earlier_pattern, earlier_replacement, text) for text in spelled]
    assert any(re.sub(pattern, replacement, text) != text for text in spelled)


def test_every_exception_in_stays_async_is_needed(rendered: Bake) -> None:
    for name, rows in STAYS_ASYNC.items():
        for pattern, _ in rows:
            assert re.search(pattern, sources(rendered)[name]), name


def test_a_sync_service_is_async_only_where_starlette_awaits(rendered: Bake) -> None:
    service = rendered(concurrency="sync")
    functions = {
        node.name
        for path in service.files("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.AsyncFunctionDef)
    }
    assert functions == {
        "__call__",
        "_adapt",
        "_claims",
        "_fetch",
        "_file_io",
        "_read",
        "_rejection",
        "app",
        "create_server",
        "current_user",
        "get_settings",
        "get_store",
        "hangs",
        "has_role",
        "identify",
        "is_cancelled",
        "lifespan",
        "livez",
        "main",
        "metrics",
        "on_http_exception",
        "on_invalid_request",
        "on_repository_error",
        "optional_user",
        "reject_repeated_parameters",
        "replay",
        "scenario",
        "send_changes",
        "send_wrapper",
        "shared_threads",
        "slow",
        "streams",
        "until",
        "upload",
        "user",
    }


def test_nothing_awaits_in_parentheses(rendered: Bake) -> None:
    """The parentheses would remain: `(await get()).name` would become `(get()).name`."""
    assert [
        name for name, text in sources(rendered).items() if re.search(r"(?<!\w)\(await ", text)
    ] == []


def test_only_driver_names_change_in_comments_and_strings(rendered: Bake) -> None:
    found = sources(rendered)
    prose = [
        token.string
        for name in SPELLED
        if name.endswith(".py")
        for token in tokenize.generate_tokens(io.StringIO(found[name]).readline)
        if token.type in {tokenize.COMMENT, tokenize.STRING}
    ]
    assert len(prose) > 100
    for pattern, replacement in SPELLING:
        changed = {text for text in prose if re.sub(pattern, replacement, text) != text}
        assert changed <= {'"sqlite+aiosqlite"'}


def test_the_template_itself_is_async() -> None:
    assert "async def" in (TEMPLATE / "app" / "db" / "session.py").read_text(encoding="utf-8")
