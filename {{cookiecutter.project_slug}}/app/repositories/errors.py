"""What can go wrong when something is stored or read, in words that a client may see."""

from uuid import UUID


class RepositoryError(Exception):
    """The base of all of them."""


class NotFound(RepositoryError):
    def __init__(self, id_: UUID) -> None:
        super().__init__(f"There is nothing with the id {id_}.")


class Conflict(RepositoryError):
    """A value that must be unique is taken; `fields` are those that make it up, where known."""

    def __init__(self, *fields: str) -> None:
        super().__init__(f"This {' and '.join(fields) or 'value'} is already taken.")
        self.fields = fields


class Invalid(RepositoryError):
    """The database refuses a value that the schemas let through."""


class Stale(RepositoryError):
    """The caller has seen an older version than the one that is stored."""

    def __init__(self) -> None:
        super().__init__("It has changed since you read it: read it again, then decide.")


class Unavailable(RepositoryError):
    """The database cannot answer now; the same request may succeed later."""
