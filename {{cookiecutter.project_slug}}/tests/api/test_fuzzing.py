"""Schemathesis makes requests up from the OpenAPI document: the same ones in every run.

All of its checks are on: https://schemathesis.readthedocs.io/en/stable/reference/checks/
"""

from base64 import urlsafe_b64encode
from datetime import datetime
from typing import Any
from uuid import UUID

import pytest
import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck
from hypothesis import settings as examples
from hypothesis import strategies as st
from pydantic_core import to_json
from schemathesis import Case, HookContext, Response
from schemathesis.config import SchemathesisConfig
from schemathesis.core.failures import Failure
from schemathesis.openapi.checks import RejectedPositiveData
from schemathesis.specs.openapi.schemas import OpenApiSchema
from sqlalchemy import Engine, insert

from app.db.tables import ItemTable
from app.main import create_app
from app.schemas.base import EARLIEST, LATEST
from app.schemas.items import Item
from app.settings import Settings
from tests.conftest import empty, settings_for
from tests.database import UNREACHABLE_URL
from tests.fakes.store import InMemoryStore

CONFIG = {
    "seed": 1,
    # It would take texts out of the code for cursors.
    "analysis": {"constants": {"enabled": False}},
    # What databases choke on: NUL in a text, and a version that no integer column holds.
    "dictionaries": {"awkward": {"values": ["\0", '"9999999999"']}},
    "generation": {"dictionaries": {"string": {"dictionary": "awkward", "probability": 0.1}}},
    "parameters": {"body.description": {"dictionary": "awkward", "probability": 0.2}},
    "checks": {
        "max_response_time": 10,  # in seconds; without a number this check would be off
        # No schema can say which names are taken, nor which version an item is at.
        "positive_data_acceptance": {"expected-statuses": ["2xx", "304", "404", "409", "412"]},
    },
}
EXAMPLES = examples(
    max_examples=10,
    stateful_step_count=6,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

ITEM = Item(
    id=UUID(int=7),
    version=1,
    created_at=EARLIEST,
    updated_at=LATEST,
    name="\U0001f529",
    description=None,
    quantity=0,
    is_active=True,
    available_from=None,
)
UNSAID = ("must lie between", "Input should be greater than", "Input should be less than")
OFFSETS = st.sampled_from(["Z", "+23:59", "-23:59"])
ENDS_OF_TIME = st.sampled_from(["0001-01-01T00:00:00", "9999-12-31T23:59:59"])

schemathesis.openapi.format("cursor", st.just(""))
schemathesis.openapi.format("uuid", st.just(str(ITEM.id)))
schemathesis.openapi.format(
    "date-time",
    st.builds("{}{}".format, st.datetimes().map(datetime.isoformat) | ENDS_OF_TIME, OFFSETS),
)


@schemathesis.hook
def map_case(_: HookContext, case: Case[Any]) -> Case[Any]:
    """A cursor belongs to one sort, which no schema can say."""
    if case.meta and case.meta.generation.mode.is_positive and "cursor" in (case.query or {}):
        case.query["cursor"] = cursor(case.query.get("sort", "created_at"))
    return case


def cursor(sort: str) -> str:
    """That of any list: they are sorted by an instant, or else by a text."""
    value = ITEM.created_at if sort.endswith("created_at") else ITEM.name
    return urlsafe_b64encode(to_json({"sort": sort, "value": value, "id": ITEM.id})).decode()


@schemathesis.hook
def filter_failure(_: HookContext, failure: Failure, case: Case[Any], response: Response) -> bool:
    """Leaves out what is refused though no schema can say so: instants at either end of time, and
    decimals, which are texts, out of their bounds.
    """
    if not isinstance(failure, RejectedPositiveData) or response.status_code != 422:
        return True
    details = [field["detail"] for field in response.json()["errors"]]
    return not details or not all(detail.startswith(UNSAID) for detail in details)


def document_of(app: FastAPI) -> OpenApiSchema:
    config = SchemathesisConfig.from_dict(CONFIG)
    return schemathesis.openapi.from_asgi("/openapi.json", app, config=config)


DOCUMENT = document_of(create_app(settings_for(UNREACHABLE_URL), InMemoryStore()))


@pytest.fixture
def app(settings: Settings, database: Engine) -> FastAPI:
    """The app, with one item stored that requests can find."""
    with database.begin() as connection:
        connection.execute(insert(ItemTable).values(dict(ITEM)))
    return create_app(settings)


@DOCUMENT.parametrize()
@EXAMPLES
def test_every_request_is_answered_as_documented(case: Case[Any], app: FastAPI) -> None:
    case.call_and_validate(app=app)


def test_requests_that_follow_from_answers_are_answered_as_documented(
    app: FastAPI, database: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    sequences = document_of(app).as_state_machine()
    monkeypatch.setattr(sequences, "setup", lambda _: empty(database))
    sequences.run(settings=EXAMPLES)
