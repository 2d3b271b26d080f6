from app.repositories.base import Repository
from app.schemas.items import Item, ItemCreate, ItemFilter, ItemUpdate


class ItemRepository(Repository[Item, ItemCreate, ItemUpdate, ItemFilter]):
    """What only items can do is declared here, and written in both implementations."""
