"""What can go wrong when something is stored or read, in words that a client may see."""

from collections.abc import Sequence


class RepositoryError(Exception):
    """The base of all of them."""


class NotFound(RepositoryError):
    def __init__(self, key: object, by: str = "id") -> None:
        super().__init__(f"There is nothing with the {by} {key}.")


class Forbidden(RepositoryError):
    """The caller is known, but may not do this."""


class Refused(RepositoryError):
    """A rule forbids it in the present state; `fields` are those that break it, where known."""

    def __init__(self, message: str, *fields: str) -> None:
        super().__init__(message)
        self.fields = fields


class Conflict(Refused):
    """A value that must be unique is taken; `fields` are those that make it up, where known."""

    def __init__(self, *fields: str) -> None:
        super().__init__(f"This {_listed(fields)} is already taken.", *fields)


class Dangling(Refused):
    """A reference to something that is not there; `fields` are those that hold it, where known."""

    def __init__(self, *fields: str) -> None:
        super().__init__(f"This {_listed(fields)} refers to nothing that is there.", *fields)


class InUse(Refused):
    """It cannot be removed."""

    def __init__(self) -> None:
        super().__init__("Something else refers to it: remove that first.")


class Invalid(RepositoryError):
    """A rule that only the database checks refuses the values."""


class Stale(RepositoryError):
    """The caller has seen an older version than the one that is stored."""

    def __init__(self) -> None:
        super().__init__("It has changed since you read it: read it again, then decide.")


class Unavailable(RepositoryError):
    """The database cannot answer now; the same request may succeed later."""


class ReadOnly(RuntimeError):
    """A mistake in the code: a block of `store.read()` has written something."""

    def __init__(self) -> None:
        super().__init__("store.read() cannot write: use store.write()")


class Nested(RuntimeError):
    """A mistake in the code: a `store.write()` in another would wait for that one's lock."""

    def __init__(self) -> None:
        super().__init__("store.write() inside of store.write(): hand on its repositories instead")


class RolledBack(RuntimeError):
    """A mistake in the code: a block went on after an error that had undone all of it."""

    def __init__(self) -> None:
        super().__init__(
            "An error within store.write() was caught, but has undone the whole block: "
            "wrap what may fail in repositories.session.begin_nested()"
        )


def _listed(fields: Sequence[str]) -> str:
    return " and ".join(fields) or "value"
