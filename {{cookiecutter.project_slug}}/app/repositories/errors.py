"""Repository errors, whose messages may be shown to clients."""

from collections.abc import Sequence


class RepositoryError(Exception):
    """Base class of all repository errors."""


class NotFound(RepositoryError):
    def __init__(self, key: object, by: str = "id") -> None:
        super().__init__(f"No record with the {by} {key} exists.")


class Forbidden(RepositoryError):
    """The caller is authenticated, but not allowed to do this."""


class Refused(RepositoryError):
    """The current state does not allow it; `fields` are the fields to blame, if known."""

    def __init__(self, message: str, *fields: str) -> None:
        super().__init__(message)
        self.fields = fields


class Conflict(Refused):
    """A unique value is already taken; `fields` are the fields that form it, if known."""

    def __init__(self, *fields: str) -> None:
        super().__init__(f"This {_joined(fields)} is already taken.", *fields)


class MissingReference(Refused):
    """A referenced record does not exist; `fields` are the referring fields, if known."""

    def __init__(self, *fields: str) -> None:
        super().__init__(f"The record that {_joined(fields)} refers to does not exist.", *fields)


class InUse(Refused):
    """The record cannot be removed, because others refer to it."""

    def __init__(self) -> None:
        super().__init__("Other records refer to this one: remove them first.")


class Invalid(RepositoryError):
    """The values violate a constraint that only the database checks."""


class Stale(RepositoryError):
    """The stored version is newer than the one that the caller has seen."""

    def __init__(self) -> None:
        super().__init__("The record has changed since you read it: read it again.")


class Unavailable(RepositoryError):
    """The database is temporarily unavailable; the same request may succeed later."""


class ReadOnly(RuntimeError):
    """Programming error: a statement in a `store.read()` block writes."""

    def __init__(self) -> None:
        super().__init__("store.read() cannot write: use store.write()")


class Nested(RuntimeError):
    """Programming error: a nested `store.write()` would wait for the lock of the outer one."""

    def __init__(self) -> None:
        super().__init__("store.write() inside store.write(): use the outer block's repositories")


class RolledBack(RuntimeError):
    """Programming error: a block continued after an error that had rolled it back."""

    def __init__(self) -> None:
        super().__init__(
            "An error inside store.write() was caught, but has rolled back the whole block: "
            "wrap statements that may fail in repositories.session.begin_nested()"
        )


def _joined(fields: Sequence[str]) -> str:
    return " and ".join(fields) or "value"
