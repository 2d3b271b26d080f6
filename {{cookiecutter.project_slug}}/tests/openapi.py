"""`python -m tests.openapi` writes the document that clients are made from."""

import json
from pathlib import Path
from typing import Any

from app.main import create_app
from tests.conftest import settings_for
from tests.database import UNREACHABLE_URL
from tests.fakes.store import InMemoryStore

COMMITTED = Path(__file__).parent.parent / "openapi.json"


def document() -> dict[str, Any]:
    return create_app(settings_for(UNREACHABLE_URL), InMemoryStore()).openapi()


if __name__ == "__main__":
    text = json.dumps(document(), indent=2, ensure_ascii=False)
    COMMITTED.write_text(f"{text}\n", encoding="utf-8", newline="\n")
