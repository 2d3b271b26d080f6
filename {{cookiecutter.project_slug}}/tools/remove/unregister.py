"""Removes the lines of `tools.resource.register` from a file, however they are wrapped."""

import ast
import re

from tools.resource.register import IMPORTS, Line

IMPORT = re.compile(r"from (\S+) import (\w+)\n")


def without_lines(text: str, lines: list[Line], *, blank: bool = False) -> str:
    """Returns the text without the lines; lines that were edited stay.

    An import stays while other code uses it. With `blank`, other lines keep their numbers.
    """
    for line, pattern in lines:
        if pattern != IMPORTS:
            text = _without_line(text, line, blank=blank)
    for line, _ in lines:
        if found := IMPORT.fullmatch(line):
            text = _without_import(text, found[1], found[2], blank=blank)
    return text


def _without_line(text: str, line: str, *, blank: bool) -> str:
    parts = [re.escape(part) for part in re.findall(r"\w+|\S", line.strip(", \n"))]
    written = r"\s*".join(rf",?\s*{part}" if part == r"\)" else part for part in parts)
    # With the comma after it, or where it is the last one, with the comma before it.
    found = re.search(
        rf"(?<![\w.])[ \t]*{written}(,[ \t]*\n?|[ \t]*\n)|(,\s*)?{written}(?=[)\]])", text
    )
    return _without(text, found.start(), found.end(), blank=blank) if found else text


def _without_import(text: str, module: str, name: str, *, blank: bool) -> str:
    tree = ast.parse(text)
    used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    listed = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)}
    if name in used | listed:
        return text
    for node in tree.body:
        if not isinstance(node, ast.ImportFrom) or node.module != module:
            continue
        names = [alias.name for alias in node.names if not alias.asname]
        if name not in names:
            continue
        lines = text.splitlines(keepends=True)
        start = sum(map(len, lines[: node.lineno - 1]))
        end = start + sum(map(len, lines[node.lineno - 1 : node.end_lineno]))
        if len(node.names) == 1:
            return _without(text, start, end, blank=blank)
        first = text.index(" import ", start) + len(" import ")
        found = re.compile(rf",\s*{name}\b|\b{name}\b,?\s*").search(text, first, end)
        return _without(text, found.start(), found.end(), blank=blank) if found else text
    return text


def _without(text: str, start: int, end: int, *, blank: bool) -> str:
    kept = "\n" * text.count("\n", start, end) if blank else ""
    return f"{text[:start]}{kept}{text[end:]}"
