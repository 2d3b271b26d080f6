import json
from datetime import timedelta

{% if cookiecutter.database == "sqlite" %}
from sqlalchemy import delete, select
from sqlalchemy.dialects.sqlite import insert
{% else %}
from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert
{% endif %}
from sqlalchemy.ext.asyncio import AsyncSession

from app.db.base import now
from app.db.tables.idempotency import IdempotencyKeyTable
{% if cookiecutter.database == "postgres" %}
from app.repositories.errors import Refused
{% endif %}
from app.repositories.idempotency import IdempotencyKeyRepository, KeptResponse

MAX_DELETED = 10


class SqlIdempotencyKeyRepository(IdempotencyKeyRepository):
    def __init__(self, session: AsyncSession) -> None:
        self.session = session

    async def find(self, key: str, lifetime: timedelta) -> KeptResponse | None:
{% if cookiecutter.database == "postgres" %}
        number = int.from_bytes(bytes.fromhex(key)[:8], signed=True)
        is_locked = await self.session.scalar(select(func.pg_try_advisory_xact_lock(number)))
        if not is_locked:
            raise Refused("A request with this Idempotency-Key is still running: try again later.")
{% endif %}
        row = await self.session.get(IdempotencyKeyTable, key)
        if row is None or row.created_at < now() - lifetime:
            return None
        return KeptResponse(row.fingerprint, row.status, json.loads(row.headers), row.body)

    async def keep(self, key: str, response: KeptResponse, lifetime: timedelta) -> None:
        values = {
            "fingerprint": response.fingerprint,
            "status": response.status,
            "headers": json.dumps(response.headers),
            "body": response.body,
            "created_at": now(),
        }
        new = insert(IdempotencyKeyTable).values(key=key, **values)
        await self.session.execute(new.on_conflict_do_update(index_elements=["key"], set_=values))
        # Last, and without locked rows: transactions never wait for each other here.
        expired = (
            select(IdempotencyKeyTable.key)
            .where(IdempotencyKeyTable.created_at < now() - lifetime)
            .order_by(IdempotencyKeyTable.created_at)
            .limit(MAX_DELETED)
            .with_for_update(skip_locked=True)
        )
        await self.session.execute(
            delete(IdempotencyKeyTable).where(IdempotencyKeyTable.key.in_(expired))
        )
