"""`python -m tools.seed [NUMBER [OWNER]]`: what `make seed` runs."""

import sys
{% if cookiecutter.concurrency == "async" %}
from asyncio import run
{% endif %}
from pathlib import Path

from alembic.util import CommandError

from app.api.users import ANONYMOUS
from app.db.migrate import upgrade
from app.repositories.errors import Unavailable
from app.settings import read_settings
from tools.files import Refused
from tools.seed.resources import Seeded, in_order
from tools.seed.seed import seed


def seeded(number: str, owner: str) -> list[Seeded]:
    settings = read_settings()
    if settings.app_env == "production":
        raise Refused("APP_ENV is production, and these rows are for development.")
    if not (number.isdecimal() and number.isascii() and int(number)):
        raise Refused(f"n={number} is no number of rows: take one like n=1000.")
    resources = in_order(Path.cwd())
    upgrade(settings)
{% if cookiecutter.concurrency == "async" %}
    run(seed(settings, resources, int(number), owner))
{% else %}
    seed(settings, resources, int(number), owner)
{% endif %}
    return resources


if __name__ == "__main__":
    number, owner = [*sys.argv[1:], "", ""][:2]
    try:
        done = seeded(number or "100", owner or ANONYMOUS.subject)
    except (Refused, CommandError, Unavailable) as reason:
        sys.exit(f"Nothing is written: {reason}")
    for resource in done:
        print(f"{resource.plural}: {number or 100} rows")
