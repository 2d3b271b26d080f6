from datetime import datetime

from sqlalchemy import CheckConstraint, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import BY_CODE_POINT, EntityTable


class ItemTable(EntityTable):
    __tablename__ = "items"
    __table_args__ = (
        UniqueConstraint("name"),
        CheckConstraint("quantity >= 0", name="quantity"),
        Index(None, "created_at", "id"),
    )

    name: Mapped[str] = mapped_column(String(128, collation=BY_CODE_POINT))
    description: Mapped[str | None] = mapped_column(String(2000))
    quantity: Mapped[int]
    is_active: Mapped[bool]
    available_from: Mapped[datetime | None]
