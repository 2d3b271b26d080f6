"""Fuzzing: Schemathesis generates authenticated requests from the OpenAPI document.

Every run sends the same requests, with all checks enabled:
https://schemathesis.readthedocs.io/en/stable/reference/checks/
"""

from base64 import urlsafe_b64encode
from collections.abc import Iterator
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

from app.schemas.base import EARLIEST, LATEST
from app.settings import Settings
from tests.conftest import empty, settings_for
from tests.database import UNREACHABLE_URL
from tests.issuer import Issuer, bearing, serving
from tests.widgets import Widget, WidgetTable, create_app

CONFIG = {
    "seed": 1,
    # Otherwise string constants of the code would be sent as cursors.
    "analysis": {"constants": {"enabled": False}},
    # Values that databases reject: NUL in a string, and a version too large for its column.
    "dictionaries": {"awkward": {"values": ["\0", '"9999999999"']}},
    "generation": {
        "dictionaries": {"string": {"dictionary": "awkward", "probability": 0.1}},
        # Each request has a token: a case generated without one would be accepted all the same.
        "with-security-parameters": False,
    },
    "parameters": {"body.description": {"dictionary": "awkward", "probability": 0.2}},
    "checks": {
        "max_response_time": 10,  # seconds; the check is off without a value
        # No schema can express which names are taken or which version a widget has.
        "positive_data_acceptance": {"expected-statuses": ["2xx", "304", "404", "409", "412"]},
    },
}
EXAMPLES = examples(
    max_examples=6,
    stateful_step_count=6,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

WIDGET = Widget(
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
NOT_IN_SCHEMA = (
    "must lie between",
    "must not contain",
    "must not be nested",
    "Input should be greater than",
    "Input should be less than",
)
OFFSETS = st.sampled_from(["Z", "+23:59", "-23:59"])
EXTREME_INSTANTS = st.sampled_from(["0001-01-01T00:00:00", "9999-12-31T23:59:59"])

schemathesis.openapi.format("cursor", st.just(""))
schemathesis.openapi.format("email", st.from_regex(r"[a-z]{1,9}@example\.com", fullmatch=True))
schemathesis.openapi.format(
    "uri", st.from_regex(r"https://[a-z]{1,9}\.example/[a-z]{0,9}", fullmatch=True)
)
# Mostly the id of the stored widget; lists of unique ids need others as well.
UUIDS = st.just(WIDGET.id) | st.just(WIDGET.id) | st.uuids()
schemathesis.openapi.format("uuid", UUIDS.map(str))
schemathesis.openapi.format(
    "date-time",
    st.builds("{}{}".format, st.datetimes().map(datetime.isoformat) | EXTREME_INSTANTS, OFFSETS),
)


POSITION = {"sort": ["created_at"], "values": [WIDGET.created_at, WIDGET.id]}
CURSOR = urlsafe_b64encode(to_json(POSITION)).decode()


@schemathesis.hook
def map_case(_: HookContext, case: Case[Any]) -> Case[Any]:
    """Sends each cursor with its sort, which no schema can express."""
    if case.meta and case.meta.generation.mode.is_positive and "cursor" in (case.query or {}):
        case.query |= {"sort": ["created_at"], "cursor": CURSOR}
    return case


@schemathesis.hook
def filter_failure(_: HookContext, failure: Failure, case: Case[Any], response: Response) -> bool:
    """Ignores rejections that no schema can express: timestamps near the minimum and maximum,
    decimals (strings) out of bounds, and JSON that not every database can store.
    """
    if not isinstance(failure, RejectedPositiveData) or response.status_code != 422:
        return True
    details = [field["detail"] for field in response.json()["errors"]]
    return not details or not all(detail.startswith(NOT_IN_SCHEMA) for detail in details)


def document_of(app: FastAPI) -> OpenApiSchema:
    config = SchemathesisConfig.from_dict(CONFIG)
    return schemathesis.openapi.from_asgi("/openapi.json", app, config=config)


DOCUMENT = document_of(create_app(Issuer(1).trusted(settings_for(UNREACHABLE_URL))))


@pytest.fixture(scope="module")
def issuer() -> Iterator[Issuer]:
    with serving() as issuer:
        yield issuer


@pytest.fixture(scope="module")
def headers(issuer: Issuer) -> dict[str, str]:
    return bearing(issuer.token())


@pytest.fixture
def app(settings: Settings, database: Engine, issuer: Issuer) -> FastAPI:
    """The application, with one stored widget that requests can find."""
    with database.begin() as connection:
        connection.execute(insert(WidgetTable).values(dict(WIDGET)))
    return create_app(issuer.trusted(settings))


@DOCUMENT.parametrize()
@EXAMPLES
def test_every_response_is_as_documented(
    case: Case[Any], app: FastAPI, headers: dict[str, str]
) -> None:
    case.call_and_validate(app=app, headers=headers)


def test_responses_to_request_sequences_are_as_documented(
    app: FastAPI, database: Engine, headers: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    sequences = document_of(app).as_state_machine()
    monkeypatch.setattr(sequences, "setup", lambda _: empty(database))
    monkeypatch.setattr(sequences, "get_call_kwargs", lambda *_: {"headers": headers})
    sequences.run(settings=EXAMPLES)
