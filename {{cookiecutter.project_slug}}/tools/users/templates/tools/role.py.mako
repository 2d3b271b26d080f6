"""`python -m tools.role EMAIL ROLE` gives a user a role, like admin."""

from argparse import ArgumentParser
{% if cookiecutter.concurrency == "async" %}
from asyncio import run
{% endif %}

from app.db.session import SqlStore
from app.db.tables.users import MAX_ROLE
from app.services import users
from app.settings import read_settings


{% if cookiecutter.concurrency == "async" %}
async def give(email: str, role: str) -> str:
    store = SqlStore(read_settings())
    async with store.write() as repositories:
        user = await users.by_email(repositories, email)
        if user:
            user.role = role
    await store.close()
{% else %}
def give(email: str, role: str) -> str:
    store = SqlStore(read_settings())
    with store.write() as repositories:
        user = users.by_email(repositories, email)
        if user:
            user.role = role
    store.close()
{% endif %}
    return f"{email} is {role}." if user else f"{email} has not signed up."


if __name__ == "__main__":
    parser = ArgumentParser(prog="python -m tools.role", description=__doc__)
    parser.add_argument("email")
    parser.add_argument("role")
    options = parser.parse_args()
    if not 1 <= len(options.role) <= MAX_ROLE:
        parser.error(f"a role has 1 to {MAX_ROLE} characters")
{% if cookiecutter.concurrency == "async" %}
    print(run(give(options.email.lower(), options.role)))
{% else %}
    print(give(options.email.lower(), options.role))
{% endif %}
