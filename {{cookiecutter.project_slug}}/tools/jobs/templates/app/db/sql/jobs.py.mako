from uuid import UUID

{% if cookiecutter.database == "sqlite" %}
from sqlalchemy.dialects.sqlite import insert
{% else %}
from sqlalchemy.dialects.postgresql import insert
{% endif %}
from sqlalchemy.ext.asyncio import AsyncSession
from structlog.contextvars import get_contextvars

from app.db.base import now
from app.db.tables.jobs import JobTable
from app.repositories.jobs import Job, JobRepository, P


class SqlJobRepository(JobRepository):
    def __init__(self, session: AsyncSession) -> None:
        self.session = session

    async def add(self, job: Job[P], /, *args: P.args, **kwargs: P.kwargs) -> UUID | None:
        new = insert(JobTable).values(
            name=job.name,
            arguments=job.dumped(*args, **kwargs),
            priority=job.priority,
            unique_key=job.unique_key,
            due_at=now() + job.delay,
            request_id=get_contextvars().get("request_id"),
        )
        statement = new.on_conflict_do_nothing(index_elements=[JobTable.unique_key])
        added: UUID | None = await self.session.scalar(statement.returning(JobTable.id))
        return added
