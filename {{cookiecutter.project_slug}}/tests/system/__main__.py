"""`python -m tests.system` serves the application with the widgets, as `python -m app` does."""

from app.__main__ import main
from tests.widgets import create_app

if __name__ == "__main__":
    main(application=f"{create_app.__module__}:{create_app.__name__}")
