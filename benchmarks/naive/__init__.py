"""The same resource, written by hand after the tutorials of FastAPI and SQLAlchemy."""
