"""Password hashes: Argon2id with the parameters that pwdlib recommends."""

import secrets
{% if cookiecutter.concurrency == "sync" %}
from threading import BoundedSemaphore
{% endif %}

{% if cookiecutter.concurrency == "async" %}
from anyio import CapacityLimiter, to_thread
{% endif %}
from pwdlib import PasswordHash

ARGON2 = PasswordHash.recommended()
# Each hash takes 64 MB and a core; without a limit a burst of logins would exhaust the memory.
{% if cookiecutter.concurrency == "async" %}
HASHING = CapacityLimiter(2)
{% else %}
HASHING = BoundedSemaphore(2)
{% endif %}
DUMMY_HASH = ARGON2.hash(secrets.token_urlsafe())


{% if cookiecutter.concurrency == "async" %}
async def hashed(password: str) -> str:
    return await to_thread.run_sync(ARGON2.hash, password, limiter=HASHING)


async def is_right(password: str, password_hash: str | None) -> bool:
    """Takes equally long without a hash, so that timing does not reveal whether a user exists."""
    stored = password_hash or DUMMY_HASH
    matches = await to_thread.run_sync(ARGON2.verify, password, stored, limiter=HASHING)
    return matches and password_hash is not None
{% else %}
def hashed(password: str) -> str:
    with HASHING:
        return ARGON2.hash(password)


def is_right(password: str, password_hash: str | None) -> bool:
    """Takes equally long without a hash, so that timing does not reveal whether a user exists."""
    with HASHING:
        matches = ARGON2.verify(password, password_hash or DUMMY_HASH)
    return matches and password_hash is not None
{% endif %}
