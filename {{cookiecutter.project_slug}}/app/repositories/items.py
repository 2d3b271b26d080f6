from app.repositories.base import Repository
from app.schemas.items import Item, ItemCreate, ItemFilter, ItemUpdate


class ItemRepository(Repository[Item, ItemCreate, ItemUpdate, ItemFilter]):
    """Declares methods that only items have; both implementations define them."""
