"""Rows with a value in every field, by number: for the tests of the API, and for `make seed`."""

from collections.abc import Callable
from typing import Any

IdOf = Callable[[str, int], Any]
"""`id_of("customers", 3)` is the id of a customer, and of the same one each time in `make seed`.

A row that refers to its own table gets None where there is no earlier one.
"""
