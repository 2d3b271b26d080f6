"""`python -m tests.openapi` writes openapi.json, from which clients are generated."""

import json
from pathlib import Path
from typing import Any

from app.main import create_app
from app.settings import Settings
from tests.conftest import settings_for
from tests.database import UNREACHABLE_URL

COMMITTED = Path(__file__).parent.parent / "openapi.json"


def settings() -> Settings:
    """Returns settings with the default for authentication."""
    return settings_for(UNREACHABLE_URL).model_copy(update={"auth": Settings().auth})


def document() -> dict[str, Any]:
    return create_app(settings()).openapi()


if __name__ == "__main__":
    text = json.dumps(document(), indent=2, ensure_ascii=False)
    COMMITTED.write_text(f"{text}\n", encoding="utf-8", newline="\n")
