"""Limits password attempts by account and by address, across all workers."""

from datetime import timedelta
from hashlib import sha256
from ipaddress import IPv6Address, ip_address, ip_network

from sqlalchemy import case, delete, select, update
{% if cookiecutter.database == "sqlite" %}
from sqlalchemy.dialects.sqlite import insert
{% else %}
from sqlalchemy.dialects.postgresql import insert
{% endif %}

from app.db.base import now
from app.db.tables.users import AttemptTable
from app.repositories.store import Repositories

WINDOW = timedelta(minutes=15)
PER_ACCOUNT = 10
PER_ADDRESS = 100  # many users may share one


def login(email: str) -> tuple[str, int]:
    """Returns the key and the limit for logins with an email."""
    return f"login {email}", PER_ACCOUNT


def account(subject: str) -> tuple[str, int]:
    """Returns the key and the limit for a logged-in user: failed logins of others do not count."""
    return f"account {subject}", PER_ACCOUNT


def address(host: str) -> tuple[str, int]:
    """Returns the key and the limit for a client: with IPv6 it can use all addresses of its /64."""
    try:
        if isinstance(ip_address(host), IPv6Address):
            host = str(ip_network(f"{host}/64", strict=False))
    except ValueError:
        pass  # a Unix socket has no address
    return f"address {host}", PER_ADDRESS


async def count(repositories: Repositories, *keys: tuple[str, int]) -> int:
    """Counts an attempt; returns the seconds to wait if it exceeds the limit, else 0.

    It is counted before the password is checked, so that parallel attempts count too.
    """
    wait = 0.0
    for key, limit in keys:
        new = insert(AttemptTable).values(
            key_hash=_hashed(key), count=1, expires_at=now() + WINDOW
        )
        is_expired = AttemptTable.expires_at <= now()
        statement = new.on_conflict_do_update(
            index_elements=[AttemptTable.key_hash],
            set_={
                "count": case((is_expired, 1), else_=AttemptTable.count + 1),
                "expires_at": case(
                    (is_expired, new.excluded.expires_at), else_=AttemptTable.expires_at
                ),
            },
        ).returning(AttemptTable.count, AttemptTable.expires_at)
        rows = await repositories.session.execute(statement)
        attempts, expires_at = rows.one()
        if attempts > limit:
            wait = (expires_at - now()).total_seconds()
            break  # else a client over its limit could lock the accounts of others
    return int(wait) + 1 if wait else 0


async def forgive(repositories: Repositories, *keys: tuple[str, int]) -> None:
    """Takes back a successful attempt, and deletes expired ones."""
    hashes = [_hashed(key) for key, _ in keys]
    await repositories.session.execute(
        update(AttemptTable)
        .where(AttemptTable.key_hash.in_(hashes))
        .values(count=AttemptTable.count - 1)
    )
    expired = select(AttemptTable.key_hash).where(AttemptTable.expires_at <= now()).limit(1000)
    expired = expired.with_for_update(skip_locked=True)
    await repositories.session.execute(
        delete(AttemptTable).where(AttemptTable.key_hash.in_(expired))
    )


def _hashed(key: str) -> str:
    return sha256(key.encode()).hexdigest()
