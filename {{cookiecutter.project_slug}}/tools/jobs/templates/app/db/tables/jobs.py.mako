from datetime import datetime
from uuid import UUID

from sqlalchemy import Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column
from uuid_utils.compat import uuid7

from app.db.base import Base, now


class JobTable(Base):
    """A job that has not finished: it is waiting, running or dead."""

    __tablename__ = "jobs"
    __table_args__ = (UniqueConstraint("unique_key"), Index(None, "priority", "due_at"))

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    name: Mapped[str] = mapped_column(String(128))
    arguments: Mapped[str] = mapped_column(Text)
    priority: Mapped[int]
    unique_key: Mapped[str | None] = mapped_column(String(255))
    # When a worker may claim the job; the end of the lease if it is running, null if it is dead.
    due_at: Mapped[datetime | None]
    attempts: Mapped[int] = mapped_column(default=0)
    claimed_by: Mapped[UUID | None]
    error: Mapped[str | None] = mapped_column(Text)  # of the last attempt
    request_id: Mapped[str | None] = mapped_column(String(128))
    created_at: Mapped[datetime] = mapped_column(default=now)


class ScheduleTable(Base):
    """The next time at which a job with `cron` is added."""

    __tablename__ = "job_schedules"

    name: Mapped[str] = mapped_column(String(128), primary_key=True)
    cron: Mapped[str] = mapped_column(String(128))
    due_at: Mapped[datetime]
