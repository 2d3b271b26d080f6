"""`python -m tools.seed [NUMBER [OWNER]]`: the command of `make seed`."""

import re
import sys
{% if cookiecutter.concurrency == "async" %}
from asyncio import run
{% endif %}
from pathlib import Path

from alembic.util import CommandError

from app.api.users import ANONYMOUS
from app.db.migrate import upgrade
from app.db.tables import Base
from app.repositories.errors import Unavailable
from app.settings import read_settings
from tools.files import Refused
from tools.seed.resources import in_order
from tools.seed.seed import seed


def filled(number: str, owner: str) -> list[str]:
    """Fills the database and returns a report as lines."""
    settings = read_settings()
    if settings.app_env == "production":
        raise Refused("APP_ENV is production, and these rows are for development.")
    if not re.fullmatch("[0-9]*[1-9][0-9]*", number):
        raise Refused(f"n={number} is no number of rows: take one like n=1000.")
    resources = in_order(Path.cwd())
    if not resources:
        raise Refused("there is no factory in tests/factories.")
    owned = [one.plural for one in resources if one.owned]
    if owned and settings.checks_tokens and not owner:
        raise Refused(
            f"{' and '.join(owned)} belong to users: add owner=ID, the `sub` of a user's tokens, which "
            "after make users is the `id` of GET /v1/users/me."
        )
    owner = owner or ANONYMOUS.subject
    upgrade(settings)
{% if cookiecutter.concurrency == "async" %}
    run(seed(settings, resources, int(number), owner))
{% else %}
    seed(settings, resources, int(number), owner)
{% endif %}
    left = {*Base.metadata.tables} - {table.name for one in resources for table in one.tables}
    lines = [f"{one.plural}: {number} rows{f' of {owner}' * one.owned}" for one in resources]
    if left:
        lines.append(f"Left alone, without a factory: {', '.join(sorted(left))}")
    return lines


if __name__ == "__main__":
    count, subject = [*sys.argv[1:], "", ""][:2]
    try:
        lines = filled(count or "100", subject)
    except (Refused, CommandError, Unavailable) as reason:
        sys.exit(f"Nothing is written: {reason}")
    print("\n".join(lines))
