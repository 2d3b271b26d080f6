"""Jobs for the tests, which create widgets."""

{% if cookiecutter.concurrency == "async" %}
from asyncio import sleep
{% else %}
from time import sleep
{% endif %}
from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID, uuid4

from structlog.contextvars import get_contextvars

from app.repositories.jobs import Job, job
from app.repositories.store import Store
from tests.widgets import WidgetCreate, widgets_of


async def add_widget(store: Store, name: str) -> None:
    async with store.write() as repositories:
        await widgets_of(repositories).add(WidgetCreate(name=name))


@job(attempts=3, backoff=timedelta(0))
async def work(store: Store, name: str, seconds: float = 0) -> None:
    """Creates a widget at its beginning and another at its end."""
    await add_widget(store, f"{name}, started {uuid4()}")
    await sleep(seconds)
    # A unique name, because the job runs again if its worker is killed before deleting it.
    await add_widget(store, f"{name}, ended {uuid4()}")


def counted(widgets: Iterable[str], event: str) -> Counter[str]:
    """Counts how often each job has "started" or "ended"."""
    return Counter(name.partition(",")[0] for name in widgets if f", {event} " in name)


@job(attempts=2, backoff=timedelta(minutes=1))
async def fail(store: Store, message: str = "no") -> None:
    raise ValueError(message)


@job()
async def tell(store: Store, id_: UUID, at: datetime, price: Decimal, tags: list[str]) -> None:
    request = get_contextvars().get("request_id")
    await add_widget(store, f"{id_} {at} {price} {tags} {request}")


@job(cron="* * * * *")
async def each_minute(store: Store) -> None:
    await add_widget(store, f"a minute {uuid4()}")


JOBS: dict[str, Job[...]] = {each.name: each for each in (work, fail, tell)}
SCHEDULED: dict[str, Job[...]] = {each_minute.name: each_minute}
