"""`python -m tests.system` runs `python -m app` with the widgets as an additional resource."""

from app.__main__ import main
from tests.widgets import create_app

if __name__ == "__main__":
    main(application=f"{create_app.__module__}:{create_app.__name__}")
