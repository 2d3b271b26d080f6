"""Background jobs: functions that a worker runs after the COMMIT of the block that added them."""

import inspect
from abc import ABC, abstractmethod
{% if cookiecutter.concurrency == "async" %}
from collections.abc import Awaitable, Callable
{% else %}
from collections.abc import Callable
{% endif %}
from dataclasses import dataclass, field, make_dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Concatenate, Generic, ParamSpec, get_type_hints
from uuid import UUID

from cronsim import CronSim
from pydantic import TypeAdapter

if TYPE_CHECKING:  # it imports this module
    from app.repositories.store import Store

P = ParamSpec("P")
{% if cookiecutter.concurrency == "async" %}
Function = Callable[Concatenate["Store", P], Awaitable[None]]
{% else %}
Function = Callable[Concatenate["Store", P], None]
{% endif %}


@dataclass(frozen=True)
class Job(Generic[P]):
    """A function with its options as a job; calling the job runs the function immediately."""

    function: Function[P]
    parameters: TypeAdapter[Any]
    attempts: int
    backoff: timedelta
    priority: int
    cron: str | None
    delay: timedelta = timedelta()
    unique_key: str | None = None

    @property
    def name(self) -> str:
        return self.function.__name__

    async def __call__(self, store: "Store", /, *args: P.args, **kwargs: P.kwargs) -> None:
        await self.function(store, *args, **kwargs)

    def options(
        self,
        *,
        delay: timedelta = timedelta(),
        priority: int | None = None,
        unique_key: str | None = None,
    ) -> "Job[P]":
        """Returns the job with these options, for `JobRepository.add`."""
        chosen = self.priority if priority is None else priority
        return replace(self, delay=delay, priority=chosen, unique_key=unique_key)

    def dumped(self, *args: P.args, **kwargs: P.kwargs) -> str:
        """Returns the arguments as JSON. Raises a `ValidationError` if they are not valid."""
        signature = inspect.signature(self.function)
        _, *items = signature.bind(None, *args, **kwargs).arguments.items()
        arguments = self.parameters.validate_python(dict(items))
        return self.parameters.dump_json(arguments).decode()

    async def run(self, store: "Store", arguments: str) -> None:
        """Calls the function with arguments from `dumped`, of this release or an earlier one."""
        function: Any = self.function
        await function(store, **vars(self.parameters.validate_json(arguments)))


def job(
    *,
    attempts: int = 10,
    backoff: timedelta = timedelta(seconds=10),
    priority: int = 0,
    cron: str | None = None,
) -> Callable[[Function[P]], Job[P]]:
    """Decorator that turns a function of `app.services` into a job with the function's name.

    The job is tried up to `attempts` times. The wait between attempts starts at `backoff` and
    doubles each time, up to six hours. Jobs with a lower `priority` run first. Workers add a job
    with `cron`, in UTC, each time that it is due.
    """

    def declare(function: Function[P]) -> Job[P]:
        if cron:
            # These raise an error if `cron` is invalid, or if the function needs an argument.
            CronSim(cron, datetime.now(UTC))
            inspect.signature(function).bind(None)
        return Job(function, _parameters(function), attempts, backoff, priority, cron)

    return declare


def _parameters(function: Callable[..., Any]) -> TypeAdapter[Any]:
    """Returns a type for the function's parameters, without the store."""
    hints = get_type_hints(function, include_extras=True)
    _, *parameters = inspect.signature(function).parameters.values()
    fields = [
        (each.name, hints[each.name], field(default=each.default))
        if each.default is not each.empty
        else (each.name, hints[each.name])
        for each in parameters
    ]
    return TypeAdapter(make_dataclass(function.__name__, fields, kw_only=True))


class JobRepository(ABC):
    @abstractmethod
    async def add(self, job: Job[P], /, *args: P.args, **kwargs: P.kwargs) -> UUID | None:
        """Returns the job's id; None if another job with its `unique_key` has not finished."""
