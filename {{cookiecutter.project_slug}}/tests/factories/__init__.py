"""Factories: request bodies with a value in every field, for API tests and `make seed`."""

from collections.abc import Callable
from typing import Any

IdOf = Callable[[str, int], Any]
"""`id_of("customers", 3)` returns the id of a customer; in `make seed` always of the same one.

For a reference to the same table it returns None where there is no earlier row.
"""
