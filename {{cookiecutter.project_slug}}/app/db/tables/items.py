from datetime import datetime

from sqlalchemy import CheckConstraint, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import EntityTable


class ItemTable(EntityTable):
    __tablename__ = "items"
    __table_args__ = (
        UniqueConstraint("name"),
        CheckConstraint("quantity >= 0", name="quantity"),
        Index(None, "created_at", "id"),
    )

{% if cookiecutter.database == "sqlite" %}
    name: Mapped[str] = mapped_column(String(128))
{% else %}
    # Sorted by code point: the same on every server, whatever its locale and its version.
    name: Mapped[str] = mapped_column(String(128, collation="C"))
{% endif %}
    description: Mapped[str | None] = mapped_column(String(2000))
    quantity: Mapped[int]
    is_active: Mapped[bool]
    available_from: Mapped[datetime | None]
