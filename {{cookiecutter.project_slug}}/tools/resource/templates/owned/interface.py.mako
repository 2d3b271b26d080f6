"""Repositories whose rows belong to one user each."""

from collections.abc import Callable
from typing import Generic, TypeVar

from app.schemas.identity import User

R = TypeVar("R")


class Owned(Generic[R]):
    """A repository that is only available for a user: `repositories.notes.of(user)`."""

    def __init__(self, repository: Callable[[str], R]) -> None:
        self._repository = repository

    def of(self, user: User) -> R:
        return self._repository(user.subject)
