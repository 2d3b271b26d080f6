"""Fakes: in-memory repositories for tests that need no database."""
