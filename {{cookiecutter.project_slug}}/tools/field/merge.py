"""Three-way merge: applies the changes between two generated texts to an edited text."""

import ast
from collections.abc import Iterator
from difflib import SequenceMatcher, unified_diff


def merged(current: str, before: str, after: str) -> tuple[str, str]:
    """Returns the merged text, and a diff of the changes that conflict.

    A change conflicts if its lines, or those next to them, were edited. Imports are always added; ruff
    sorts them and removes unused ones.
    """
    if current == before:
        return after, ""
    own = _Parts(current)
    old = _Parts(before)
    new = _Parts(after)
    imports = own.head + "".join(line for line in new.imports if line not in old.imports)
    lines, conflicts = _merged(own.rest, old.rest, new.rest)
    text = imports + "".join(lines)
    # The same lines may also occur elsewhere, for example in another class.
    if not _changed(current, text) <= _changed(before, after):
        diff = [*unified_diff(old.rest, new.rest, n=1)]
        return imports + "".join(own.rest), "".join(diff[2:])  # without the names of the files
    return text, conflicts


class _Parts:
    """The start of a file, up to its last import, and the rest."""

    def __init__(self, text: str) -> None:
        lines = text.splitlines(keepends=True)
        nodes = [
            node for node in ast.parse(text).body if isinstance(node, ast.Import | ast.ImportFrom)
        ]
        end = nodes[-1].end_lineno or 0 if nodes else 0
        self.head = "".join(lines[:end])
        self.rest = lines[end:]
        self.imports = [line for node in nodes for line in _imports(node)]


def _imports(node: ast.Import | ast.ImportFrom) -> Iterator[str]:
    """Yields a line for each imported name."""
    source = f"from {node.module} " if isinstance(node, ast.ImportFrom) else ""
    for alias in node.names:
        yield f"{source}import {ast.unparse(alias)}\n"


def _changed(before: str, after: str) -> set[str]:
    """Returns the names of the classes, functions and variables of a module that differ."""
    old, new = _definitions(before), _definitions(after)
    return {name for name in old.keys() | new.keys() if old.get(name) != new.get(name)}


def _definitions(text: str) -> dict[str, str]:
    found = {}
    for node in ast.parse(text).body:
        name = ast.unparse(node.targets[0]) if isinstance(node, ast.Assign) else ""
        if name := name or getattr(node, "name", ""):
            found[name] = ast.dump(node)
    return found


def _merged(own: list[str], old: list[str], new: list[str]) -> tuple[list[str], str]:
    same = SequenceMatcher(None, old, own, autojunk=False).get_matching_blocks()
    positions = {before + n: now + n for before, now, size in same for n in range(size)}
    merged, conflicts = [*own], []
    changes = SequenceMatcher(None, old, new, autojunk=False).get_opcodes()
    for tag, start, end, new_start, new_end in reversed(changes):
        if tag == "equal":
            continue
        # These lines, and one on each side, must be unedited.
        first, last = max(start - 1, 0), min(end + 1, len(old))
        found = [positions.get(line) for line in range(first, last)]
        at = found[0]
        if at is None or found != [*range(at, at + last - first)]:
            conflicts += [*_diff(old, new, (first, start, end, last), (new_start, new_end))]
            continue
        at += start - first
        merged[at : at + end - start] = new[new_start:new_end]
    return merged, "".join(conflicts)


def _diff(
    old: list[str], new: list[str], lines: tuple[int, int, int, int], replaced: tuple[int, int]
) -> Iterator[str]:
    first, start, end, last = lines
    yield "@@\n"
    yield from (f" {line}" for line in old[first:start])
    yield from (f"-{line}" for line in old[start:end])
    yield from (f"+{line}" for line in new[slice(*replaced)])
    yield from (f" {line}" for line in old[end:last])
