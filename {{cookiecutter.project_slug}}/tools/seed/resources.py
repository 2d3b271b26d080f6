"""Finds the resources that have a factory, by the naming convention of `make resource`."""

from collections.abc import Callable
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from importlib import import_module
from inspect import signature
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from sqlalchemy import Table

from app.db.sql.base import SqlRepository
from app.schemas.base import Schema
from tests.factories import IdOf
from tools.files import Refused
from tools.resource.fields import Target
from tools.resource.options import resources


@dataclass(frozen=True)
class Seeded:
    plural: str
    factory: str  # function and file, for error messages
    make: Callable[..., dict[str, Any]]
    schema: type[Schema]
    repository: type[SqlRepository[Any, Any, Any, Any]]
    owned: bool

    @property
    def table(self) -> Table:
        return self.repository.table.__table__

    @property
    def tables(self) -> list[Table]:
        """The resource's own table and those of its links and lists."""
        links: list[Any] = [link.ours.table for link in self.repository.links]
        lists: list[Any] = [each.table.__table__ for each in self.repository.children]
        return [self.table, *links, *lists]

    @property
    def needed(self) -> list[str]:
        """The tables that must be filled first."""
        keys = (key for table in self.tables for key in table.foreign_keys)
        return sorted({key.column.table.name for key in keys} - {self.table.name})

    def values(self, number: int, id_of: IdOf) -> dict[str, Any]:
        """Returns the values that the API would store for row `number`."""
        takes_ids = len(signature(self.make).parameters) > 1
        sent = self.make(number, id_of) if takes_ids else self.make(number)
        try:
            return self.schema.model_validate(sent).model_dump()
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            field = ".".join(map(str, first["loc"]))
            raise self.refused(number, f"{field}: {first['msg']}") from error

    def refused(self, number: int, reason: str) -> Refused:
        return Refused(
            f"{self.plural}, row {number}: {reason.rstrip('.')}. Change {self.factory}, or set a smaller n."
        )


def in_order(root: Path) -> list[Seeded]:
    """Returns the resources, each after those that it references."""
    found = {
        each.plural: _seeded(each)
        for each in resources(root)
        if (root / "tests" / "factories" / f"{each.plural}.py").is_file()
    }
    needed = {name: [n for n in each.needed if n in found] for name, each in found.items()}
    try:
        return [found[name] for name in TopologicalSorter(needed).static_order()]
    except CycleError as error:
        names = " and ".join(error.args[1][1:])
        raise Refused(f"{names} reference each other, so neither can be filled first.") from error


def _seeded(resource: Target) -> Seeded:
    plural, entity = resource.plural, resource.entity
    factory = _imported(f"tests.factories.{plural}", f"make_{resource.name}")
    schema = _imported(f"app.schemas.{plural}", f"{entity}Create")
    repository = _imported(f"app.db.sql.{plural}", f"Sql{entity}Repository")
    location = f"make_{resource.name} in tests/factories/{plural}.py"
    return Seeded(plural, location, factory, schema, repository, resource.owned)


def _imported(module: str, name: str) -> Any:
    try:
        return getattr(import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise Refused(f"{name} cannot be imported from {module}: {error}.") from error
