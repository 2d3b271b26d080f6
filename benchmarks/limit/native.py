"""Postgres has types for ids and timestamps, and orjson serialises psycopg's values."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from uuid_utils.compat import uuid7

POOL: dict[str, Any] = {
    "min_size": 10,
    "max_size": 10,
    "timeout": 60,
    "open": False,
    "kwargs": {"autocommit": True, "prepare_threshold": 0, "options": "-c timezone=UTC"},
}


class Native:
    parameter = "%s"

    def new_id(self) -> UUID:
        return uuid7()

    def now(self) -> datetime:
        return datetime.now(UTC)
