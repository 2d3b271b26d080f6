"""Refuses an answer that no working service could be made of, before any file is written."""

import json
import re
import sys
from collections.abc import Iterator

# The answers come as JSON in a string literal, so that none of them can end it and become code.
ANSWERS: dict[str, str] = json.loads({{cookiecutter | jsonify | tojson}})

TEXTS = ("project_name", "description", "author_name", "author_email")
SLUG = re.compile(r"[a-z](-?[a-z0-9])*", re.IGNORECASE)
# https://www.rfc-editor.org/rfc/rfc1123#section-2.1: the slug may become a host's name.
SLUG_LENGTH = 63
# https://learn.microsoft.com/windows/win32/fileio/naming-a-file#naming-conventions
WINDOWS_DEVICE = re.compile(r"con|prn|aux|nul|(com|lpt)[0-9]", re.IGNORECASE)


def refusals() -> Iterator[str]:
    """One sentence for each answer that will not do."""
    slug = ANSWERS["project_slug"]
    if not SLUG.fullmatch(slug) or len(slug) > SLUG_LENGTH:
        yield (
            f"project_slug={slug!r} cannot name a folder and a package: take letters, digits and "
            f"single hyphens, a letter first, {SLUG_LENGTH} at most, like project_slug=my-service"
        )
    elif WINDOWS_DEVICE.fullmatch(slug):
        yield f"project_slug={slug!r} is a device on Windows: take another name"
    for question in TEXTS:
        answer = ANSWERS[question]
        if not answer.strip():
            yield f"{question} is empty: give it at least one character"
        elif not answer.isprintable():
            yield f"{question}={answer!r} has a control character: write it on one line"


if sentences := list(refusals()):
    sys.exit("\n".join(f"Not rendered: {sentence}." for sentence in sentences))
