"""Importing this package registers every table on `Base.metadata`."""

from app.db.base import Base
from app.db.tables.items import ItemTable

__all__ = [
    "Base",
    "ItemTable",
]
