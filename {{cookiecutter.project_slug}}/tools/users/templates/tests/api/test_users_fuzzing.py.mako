"""Fuzzing of the user routes as a logged-in user."""

from typing import Any

import pytest
import schemathesis
from fastapi import FastAPI
from fastapi.testclient import TestClient
from hypothesis import strategies as st
from schemathesis import Case
from schemathesis.config import SchemathesisConfig

from app.settings import Settings
from tests.api.test_fuzzing import CONFIG, EXAMPLES
from tests.api.test_users import headers_of
from tests.conftest import settings_for
from tests.database import UNREACHABLE_URL
from tests.widgets import create_app

# No schema can express which emails, passwords and refresh tokens are valid, or rate limits.
EXPECTED_STATUSES = ["2xx", "401", "403", "404", "409", "429"]
CHECKS = {"checks": {"positive_data_acceptance": {"expected-statuses": EXPECTED_STATUSES}}}

schemathesis.openapi.format("email", st.from_regex(r"[a-z]{1,9}@example\.com", fullmatch=True))


def app_with_users(settings: Settings) -> FastAPI:
    return create_app(settings.model_copy(update={"auth": "own"}))


DOCUMENT = schemathesis.openapi.from_asgi(
    "/openapi.json",
    app_with_users(settings_for(UNREACHABLE_URL)),
    config=SchemathesisConfig.from_dict(CONFIG | CHECKS),
).include(path_regex="^/v1/(auth|users)/")


@pytest.fixture
def app(settings: Settings) -> FastAPI:
    return app_with_users(settings)


@pytest.fixture
def headers(app: FastAPI) -> dict[str, str]:
    with TestClient(app) as client:
        return headers_of(client)


@DOCUMENT.parametrize()
@EXAMPLES
def test_every_response_is_as_documented(
    case: Case[Any], app: FastAPI, headers: dict[str, str]
) -> None:
    case.call_and_validate(app=app, headers=headers)
