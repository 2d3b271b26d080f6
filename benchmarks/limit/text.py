"""SQLite has no type for ids and timestamps, so they are stored in the format of the responses."""

from datetime import UTC, datetime

from uuid_utils.compat import uuid7

# The durability of the service: nobody waits for a reader, and syncs at checkpoints.
SETUP = ("PRAGMA journal_mode = WAL", "PRAGMA synchronous = NORMAL")
READERS = 4


class Text:
    parameter = "?"

    def new_id(self) -> str:
        return str(uuid7())

    def now(self) -> str:
        return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
