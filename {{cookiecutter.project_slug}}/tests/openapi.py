"""`python -m tests.openapi` writes the document that clients are made from."""

import json
from pathlib import Path
from typing import Any

from app.main import create_app
from app.settings import Settings
from tests.conftest import settings_for
from tests.database import UNREACHABLE_URL

COMMITTED = Path(__file__).parent.parent / "openapi.json"


def settings() -> Settings:
    """Authentication is as it is by default."""
    return settings_for(UNREACHABLE_URL).model_copy(update={"auth": Settings().auth})


def document() -> dict[str, Any]:
    return create_app(settings()).openapi()


if __name__ == "__main__":
    text = json.dumps(document(), indent=2, ensure_ascii=False)
    COMMITTED.write_text(f"{text}\n", encoding="utf-8", newline="\n")
