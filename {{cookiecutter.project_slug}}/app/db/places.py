"""Who comes first is served first: where a request waits for a connection to the database.

All waiting is done here, where it ends with a 503. Behind it every session finds a connection, so
none can wait for another that waits for it.
"""

{% if cookiecutter.concurrency == "async" %}
import asyncio
{% else %}
import threading
{% endif %}
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from app.metrics import PENDING, PLACES, TIMEOUTS, WAITS
from app.repositories.errors import Unavailable
from app.settings import Settings


class Places:
    def __init__(self, number: int, timeout: float) -> None:
{% if cookiecutter.concurrency == "async" %}
        self._free = asyncio.Semaphore(number)
{% else %}
        self._free = threading.Semaphore(number)
{% endif %}
        self._timeout = timeout

    @asynccontextmanager
    async def taken(self) -> AsyncIterator[None]:
        """Raises `Unavailable` if none is free in time."""
        with PENDING.track_inprogress(), WAITS.time():
            is_taken = await self._take()
        if not is_taken:
            TIMEOUTS.inc()
            raise Unavailable("Every connection to the database is in use.")
        try:
            yield
        finally:
            self._free.release()

    async def _take(self) -> bool:
{% if cookiecutter.concurrency == "async" %}
        try:
            # A free one takes no time, and no timer.
            async with asyncio.timeout(self._timeout if self._free.locked() else None):
                return await self._free.acquire()
        except TimeoutError:
            return False
{% else %}
        return self._free.acquire(timeout=self._timeout)
{% endif %}


def places(settings: Settings) -> tuple[Places, Places]:
    """Those of readers and of writers."""
    PLACES.set(settings.max_connections)
    readers = Places(settings.max_connections, settings.database_pool_timeout)
{% if cookiecutter.database == "sqlite" %}
    # Writers wait for each other, and no reader waits for them.
    return readers, Places(settings.max_connections, settings.database_pool_timeout)
{% else %}
    return readers, readers
{% endif %}
