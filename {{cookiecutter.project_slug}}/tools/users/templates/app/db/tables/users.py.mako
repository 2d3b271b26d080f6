from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.db.base import Base, EntityTable

MAX_ROLE = 32
HASH = String(64)  # SHA-256 in hexadecimal


class UserTable(EntityTable):
    __tablename__ = "users"
    __table_args__ = (UniqueConstraint("email"),)

    email: Mapped[str] = mapped_column(String(254))
    password_hash: Mapped[str] = mapped_column(String(255))
    role: Mapped[str] = mapped_column(String(MAX_ROLE), default="user")


class LoginTable(EntityTable):
    """One login of a user. Its refresh token changes each time it is used."""

    __tablename__ = "logins"

    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    token_hash: Mapped[str] = mapped_column(HASH)
    expires_at: Mapped[datetime]


class ApiKeyTable(EntityTable):
    __tablename__ = "api_keys"
    __table_args__ = (UniqueConstraint("key_hash"),)

    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    name: Mapped[str] = mapped_column(String(64))
    key_hash: Mapped[str] = mapped_column(HASH)

    user: Mapped[UserTable] = relationship(lazy="raise")


class AttemptTable(Base):
    """The number of password attempts, by the hash of an email, a user or an address."""

    __tablename__ = "attempts"

    key_hash: Mapped[str] = mapped_column(HASH, primary_key=True)
    count: Mapped[int]
    expires_at: Mapped[datetime] = mapped_column(index=True)
