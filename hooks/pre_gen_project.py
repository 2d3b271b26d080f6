"""Refuses an answer that no working service could be made of, before any file is written."""

import json
import re
import sys
import unicodedata
from collections.abc import Iterator
from pathlib import Path

# The answers come as JSON in a string literal, so that none of them can end it and become code.
ANSWERS: dict[str, str] = json.loads({{cookiecutter | jsonify | tojson}})

TEXTS = ("project_name", "description", "author_name", "author_email")
SLUG = re.compile(r"[a-z](-?[a-z0-9])*", re.IGNORECASE)
# https://www.rfc-editor.org/rfc/rfc1123#section-2.1: the slug may become a host's name.
SLUG_LENGTH = 63
# https://learn.microsoft.com/windows/win32/fileio/naming-a-file#naming-conventions
WINDOWS_DEVICE = re.compile(r"con|prn|aux|nul|(com|lpt)[0-9]", re.IGNORECASE)

# Line breaks and other controls, halves of surrogate pairs; and invisible characters that can make
# source read other than it runs: https://www.unicode.org/reports/tr36/#Bidirectional_Text_Spoofing
UNWANTED = {"Cc", "Cs", "Zl", "Zp"}
INVISIBLE = re.compile("[\u200b\u202a-\u202e\u2066-\u2069\ufeff]")


def refusals() -> Iterator[str]:
    """One sentence for each answer that will not do."""
    slug = ANSWERS["project_slug"]
    if not SLUG.fullmatch(slug) or len(slug) > SLUG_LENGTH:
        yield (
            f"project_slug={slug!r} cannot name a folder and a project: take letters, digits and "
            f"single hyphens, a letter first, {SLUG_LENGTH} at most, like project_slug=my-service"
        )
    elif WINDOWS_DEVICE.fullmatch(slug):
        yield f"project_slug={slug!r} is a device on Windows: take another name"
    for question in TEXTS:
        answer = ANSWERS[question]
        if not answer.strip():
            yield f"{question} is empty: give it at least one character"
        elif answer != answer.strip():
            yield f"{question}={answer!r} starts or ends with a blank: leave it out"
        elif INVISIBLE.search(answer) or UNWANTED & set(map(unicodedata.category, answer)):
            yield f"{question}={answer!r} has a line break or an invisible character: take it out"


if sentences := list(refusals()):
    sys.exit("\n".join(f"Not rendered: {sentence}." for sentence in sentences))

# With --overwrite-if-exists and --skip-if-file-exists the folder may hold files that stay as they
# are; post_gen_project.py knows them by the time of their last change, and leaves them alone.
python = [path for folder in ("app", "tests") for path in Path(folder).rglob("*.py")]
if before := {path.as_posix(): path.stat().st_mtime_ns for path in python}:
    Path(".before-rendering.json").write_text(json.dumps(before), encoding="utf-8")
