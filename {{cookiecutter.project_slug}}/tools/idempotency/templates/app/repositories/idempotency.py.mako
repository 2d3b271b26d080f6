"""Stored responses for repeated requests: see docs/idempotency.md."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True)
class KeptResponse:
    fingerprint: str
    """Hash of the request: a different request must not use its key."""
    status: int
    headers: dict[str, str]
    body: str


class IdempotencyKeyRepository(ABC):
    @abstractmethod
    async def find(self, key: str, lifetime: timedelta) -> KeptResponse | None:
        """Returns the response that was stored less than `lifetime` ago.

        Locks the key until the transaction ends. Raises `Refused` if another one has locked it.
        """

    @abstractmethod
    async def keep(self, key: str, response: KeptResponse, lifetime: timedelta) -> None:
        """Stores the response, and deletes some that are older than `lifetime`."""
