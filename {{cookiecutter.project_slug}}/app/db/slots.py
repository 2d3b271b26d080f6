"""Limits concurrent sessions to the pool size; requests beyond it queue, first come, first served.

Requests wait only here, and get a 503 when they time out. A session that is let in finds a free
connection, so sessions cannot deadlock.
"""

{% if cookiecutter.concurrency == "async" %}
import asyncio
{% else %}
import threading
{% endif %}
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from app.metrics import MAX_CONNECTIONS, PENDING, TIMEOUTS, WAITS
from app.repositories.errors import Unavailable
from app.settings import Settings


class Slots:
    def __init__(self, number: int, timeout: float) -> None:
{% if cookiecutter.concurrency == "async" %}
        self._free = asyncio.Semaphore(number)
{% else %}
        self._free = threading.Semaphore(number)
{% endif %}
        self._timeout = timeout

    @asynccontextmanager
    async def acquired(self) -> AsyncIterator[None]:
        """Holds a slot. Raises `Unavailable` if none is free in time."""
        with PENDING.track_inprogress(), WAITS.time():
            is_acquired = await self._acquire()
        if not is_acquired:
            TIMEOUTS.inc()
            raise Unavailable("Every connection to the database is in use.")
        try:
            yield
        finally:
            self._free.release()

    async def _acquire(self) -> bool:
{% if cookiecutter.concurrency == "async" %}
        try:
            # A free slot needs no timer.
            async with asyncio.timeout(self._timeout if self._free.locked() else None):
                return await self._free.acquire()
        except TimeoutError:
            return False
{% else %}
        return self._free.acquire(timeout=self._timeout)
{% endif %}


def slots(settings: Settings) -> tuple[Slots, Slots]:
    """Returns the slots of readers and of writers."""
    MAX_CONNECTIONS.set(settings.max_connections)
    readers = Slots(settings.max_connections, settings.database_pool_timeout)
{% if cookiecutter.database == "sqlite" %}
    # Writers wait for each other; readers do not wait for them.
    return readers, Slots(settings.max_connections, settings.database_pool_timeout)
{% else %}
    return readers, readers
{% endif %}
