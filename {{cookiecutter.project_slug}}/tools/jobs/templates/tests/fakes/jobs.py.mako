from typing import TYPE_CHECKING
from uuid import UUID

from uuid_utils.compat import uuid7

from app.repositories.jobs import Job, JobRepository, P

if TYPE_CHECKING:
    from tests.fakes.store import Rows


class InMemoryJobRepository(JobRepository):
    """Stores jobs and their arguments, but no worker runs them."""

    def __init__(self, rows: "Rows") -> None:
        self._rows = rows

    async def add(self, job: Job[P], /, *args: P.args, **kwargs: P.kwargs) -> UUID | None:
        arguments = job.dumped(*args, **kwargs)
        keys = {stored.unique_key for stored, _ in self._rows.values()}
        if job.unique_key is not None and job.unique_key in keys:
            return None
        id_ = uuid7()
        self._rows[id_] = job, arguments
        return id_
