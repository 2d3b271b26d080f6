"""Brings the changes from one generated text to another into the text that people have edited."""

import ast
from collections.abc import Iterator
from difflib import SequenceMatcher


class Unclear(Exception):
    """The lines whose place was not found, as a diff."""


def merged(current: str, before: str, after: str) -> str:
    """Raises `Unclear` where somebody has changed a line that changes, or one beside it.

    Imports are added, wherever they are; ruff sorts them, and removes those that nothing uses.
    """
    if current == before:
        return after
    own_imports, own = _parts(current)
    old_imports, old = _parts(before)
    new_imports, new = _parts(after)
    own_imports += [line for line in new_imports if line not in old_imports]
    return "".join([*own_imports, *_merged(own, old, new)])


def _parts(text: str) -> tuple[list[str], list[str]]:
    """What a file begins with, up to its last import: a name on each line. And the rest."""
    lines = text.splitlines(keepends=True)
    head: list[str] = []
    end = 0
    for node in ast.parse(text).body:
        if not isinstance(node, ast.Import | ast.ImportFrom):
            continue
        head += lines[end : node.lineno - 1]
        before = f"from {node.module} " if isinstance(node, ast.ImportFrom) else ""
        head += [f"{before}import {ast.unparse(alias)}\n" for alias in node.names]
        end = node.end_lineno or node.lineno
    return head, lines[end:]


def _merged(own: list[str], old: list[str], new: list[str]) -> list[str]:
    same = SequenceMatcher(None, old, own, autojunk=False).get_matching_blocks()
    places = {there + n: here + n for there, here, size in same for n in range(size)}
    merged, unclear = [*own], []
    changes = SequenceMatcher(None, old, new, autojunk=False).get_opcodes()
    for tag, start, end, new_start, new_end in reversed(changes):
        if tag == "equal":
            continue
        # Those lines, and one on each side, have to stand there as they were written.
        first, last = max(start - 1, 0), min(end + 1, len(old))
        found = [places.get(line) for line in range(first, last)]
        at = found[0]
        if at is None or found != [*range(at, at + last - first)]:
            unclear += [*_diff(old, new, (first, start, end, last), (new_start, new_end))]
            continue
        at += start - first
        merged[at : at + end - start] = new[new_start:new_end]
    if unclear:
        raise Unclear("".join(unclear))
    return merged


def _diff(
    old: list[str], new: list[str], places: tuple[int, int, int, int], replaced: tuple[int, int]
) -> Iterator[str]:
    first, start, end, last = places
    yield "@@\n"
    yield from (f" {line}" for line in old[first:start])
    yield from (f"-{line}" for line in old[start:end])
    yield from (f"+{line}" for line in new[slice(*replaced)])
    yield from (f" {line}" for line in old[end:last])
