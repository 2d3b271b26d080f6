"""Implementations in memory, for tests that are not about the database."""
