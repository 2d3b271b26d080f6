"""The responses that repeated requests get: see docs/idempotency.md."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True)
class KeptResponse:
    fingerprint: str
    """Of the request: another one may not use its key."""
    status: int
    headers: dict[str, str]
    body: str


class IdempotencyKeyRepository(ABC):
    @abstractmethod
    async def find(self, key: str, lifetime: timedelta) -> KeptResponse | None:
        """The response that was kept less than `lifetime` ago.

        From then on no other transaction has this key: raises `Refused` while another one does.
        """

    @abstractmethod
    async def keep(self, key: str, response: KeptResponse, lifetime: timedelta) -> None:
        """Stores the response, and deletes some that are older than `lifetime`."""
