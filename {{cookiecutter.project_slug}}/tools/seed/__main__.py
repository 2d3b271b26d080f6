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


def fill(number: str, owner: str) -> list[str]:
    """Fills the database and returns a report as lines."""
    settings = read_settings()
    if settings.app_env == "production":
        raise Refused("APP_ENV is production: use a development database.")
    if not re.fullmatch("[0-9]*[1-9][0-9]*", number):
        raise Refused(f"n={number} is not a number of rows: use one like n=1000.")
    resources = in_order(Path.cwd())
    if not resources:
        raise Refused("tests/factories has no factory of a resource: make resource writes them.")
    owned = [each.plural for each in resources if each.owned]
    if owned and settings.checks_tokens and not owner:
        raise Refused(
            f"{' and '.join(owned)} belong to users: add owner=ID, the `sub` claim of a user's tokens; "
            "after make users, it is the `id` of GET /v1/users/me."
        )
    owner = owner or ANONYMOUS.subject
    upgrade(settings)
{% if cookiecutter.concurrency == "async" %}
    run(seed(settings, resources, int(number), owner))
{% else %}
    seed(settings, resources, int(number), owner)
{% endif %}
    filled = {table.name for each in resources for table in each.tables}
    lines = [f"{each.plural}: {number} rows{f' of {owner}' * each.owned}" for each in resources]
    if skipped := {*Base.metadata.tables} - filled:
        lines.append(f"Skipped, without a factory: {', '.join(sorted(skipped))}")
    return lines


if __name__ == "__main__":
    count, subject = [*sys.argv[1:], "", ""][:2]
    try:
        lines = fill(count or "100", subject)
    except (Refused, CommandError, Unavailable) as reason:
        sys.exit(f"Nothing was written: {reason}")
    print("\n".join(lines))
