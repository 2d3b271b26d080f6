"""What can go wrong when something is stored or read, in words that a client may see."""

from uuid import UUID


class RepositoryError(Exception):
    """The base of all of them."""


class NotFound(RepositoryError):
    def __init__(self, id_: UUID) -> None:
        super().__init__(f"There is nothing with the id {id_}.")


class Conflict(RepositoryError):
    """A value that must be unique is taken; `fields` are those that make it up, where known."""

    told = "This {} is already taken."

    def __init__(self, *fields: str) -> None:
        super().__init__(self.told.format(" and ".join(fields) or "value"))
        self.fields = fields


class Dangling(Conflict):
    """A reference to something that is not there; `fields` are those that hold it, where known."""

    told = "This {} refers to nothing that is there."


class InUse(Conflict):
    """It cannot be removed."""

    told = "Something else refers to it: remove that first."


class Invalid(RepositoryError):
    """The database refuses a value that the schemas let through."""


class Stale(RepositoryError):
    """The caller has seen an older version than the one that is stored."""

    def __init__(self) -> None:
        super().__init__("It has changed since you read it: read it again, then decide.")


class Unavailable(RepositoryError):
    """The database cannot answer now; the same request may succeed later."""
