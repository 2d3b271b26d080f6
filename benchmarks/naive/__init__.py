"""The same resource as people write it by hand, after the tutorials of FastAPI and SQLAlchemy."""
