"""JWT authentication: AUTH_JWKS_URL and AUTH_AUDIENCE protect all but a few paths."""

import re
from collections.abc import Iterator, Sequence
from typing import Any
from uuid import uuid4

import pytest
from fastapi import APIRouter, FastAPI, Response, WebSocket
from fastapi.routing import iter_route_contexts
from fastapi.testclient import TestClient
from pydantic import HttpUrl, ValidationError
from starlette.routing import BaseRoute, Mount, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.websockets import WebSocketDisconnect

from app.api import issuer as issuers
from app.api.dependencies import SettingsDep
from app.api.errors import problems
from app.api.users import CurrentUser, OptionalUser, requires
from app.settings import Settings
from tests.api.client import URL, as_user, problem
from tests.conftest import application, settings_for
from tests.database import UNREACHABLE_URL
from tests.issuer import Issuer, bearing, serving
from tests.widgets import create_app


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    with serving() as issuer:
        yield issuer


@pytest.fixture
def secured(settings: Settings, issuer: Issuer) -> Settings:
    return issuer.trusted(settings)


@pytest.fixture
def client(secured: Settings) -> Iterator[TestClient]:
    with TestClient(create_app(secured)) as client:
        yield client


class Clock:
    now = 1000.0


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The time by which the issuer's keys are fetched."""
    clock = Clock()
    monkeypatch.setattr(issuers, "monotonic", lambda: clock.now)
    return clock


def status(client: TestClient, token: str) -> int:
    return client.get(URL, headers=bearing(token)).status_code


def test_a_valid_token_is_accepted(client: TestClient, issuer: Issuer) -> None:
    app = application(client)

    @app.get("/me")
    def me(user: CurrentUser) -> Any:
        return user

    user = client.get("/me", headers=bearing(issuer.token(email="me@example.com"))).json()
    assert user["subject"] == "me"
    assert user["claims"]["email"] == "me@example.com"
    assert client.get("/me", headers=bearing(issuer.token())).json()["subject"] == "me"
    assert issuer.fetches == 1


def paths(routes: Sequence[BaseRoute], prefix: str = "") -> Iterator[tuple[type[BaseRoute], str]]:
    """Yields each path of an application, with an id in place of each path parameter."""
    for context in iter_route_contexts(routes):
        route = context.original_route
        path = prefix + re.sub(r"{.*?}", str(uuid4()), context.path or "")
        if not isinstance(route, Mount):
            yield type(route), path
        elif route.routes:
            yield from paths(route.routes, path)
        else:
            yield type(route), f"{path}/favicon.png"


def websocket_code(client: TestClient, path: str, headers: dict[str, str]) -> int | None:
    """Returns the code that closed the WebSocket, or None if it was accepted."""
    try:
        with client.websocket_connect(path, headers=headers):
            return None
    except WebSocketDisconnect as error:
        return error.code


def is_rejected(client: TestClient, route: type[BaseRoute], path: str, token: str = "") -> bool:
    headers = bearing(token) if token else {}
    if issubclass(route, WebSocketRoute):
        return websocket_code(client, path, headers) == 4401
    with client.stream("GET", path, headers=headers) as response:  # it may be endless
        return response.status_code == 401


def add_routes(app: FastAPI) -> None:
    """Adds routes as a team would, without any authentication code."""
    router = APIRouter()

    @router.get("/thing")
    def read_thing() -> str:
        return "thing"

    @router.websocket("/changes")
    async def send_changes(websocket: WebSocket) -> None:
        await websocket.accept()

    for prefix in ("/api", "/v1", "/v2", "/livez", "/docs"):
        app.include_router(router, prefix=prefix)
    other = FastAPI()
    other.include_router(router)
    app.mount("/mounted", other)
    app.mount("/static", StaticFiles(packages=[("fastapi_offline", "static")]))
    app.add_route("/plain", lambda _: Response("plain"))


OPEN_PATHS = {
    *("/livez", "/readyz", "/metrics", "/docs", "/redoc", "/openapi.json"),
    *("/redoc/redoc.js", "/docs/assets/favicon.png"),
}


@pytest.mark.parametrize("root_path", ["", "/api", "/docs/assets"])
def test_every_route_requires_a_token_unless_listed(
    secured: Settings, issuer: Issuer, root_path: str
) -> None:
    app = create_app(secured)
    add_routes(app)
    with TestClient(app, root_path=root_path) as client:
        routes = [*paths(app.routes)]
        assert len(routes) > 20
        found = {path for kind, path in routes if not is_rejected(client, kind, root_path + path)}
        assert found == OPEN_PATHS
        for kind, path in routes:
            assert not is_rejected(client, kind, root_path + path, issuer.token()), path


def test_websockets_close_with_1013_while_keys_are_unavailable(
    client: TestClient, issuer: Issuer
) -> None:
    add_routes(application(client))
    issuer.response = b"down"
    assert websocket_code(client, "/v1/changes", bearing(issuer.token())) == 1013


def test_metrics_can_require_a_token(secured: Settings, issuer: Issuer) -> None:
    closed = secured.model_copy(update={"metrics": "token"})
    with TestClient(create_app(closed)) as client:
        problem(client.get("/metrics"), 401)
        assert client.get("/metrics", headers=bearing(issuer.token())).status_code == 200
        assert client.get("/livez").status_code == 200


def test_cors_allows_tokens_and_exposes_401_responses(secured: Settings, issuer: Issuer) -> None:
    origin = {"Origin": "https://app.example.com"}
    app = create_app(secured.model_copy(update={"cors_origins": (origin["Origin"],)}))
    with TestClient(app) as client:
        preflight = origin | {
            "Access-Control-Request-Method": "GET",
            "Access-Control-Request-Headers": "authorization",
        }
        assert client.options(URL, headers=preflight).status_code == 200
        response = client.get(URL, headers=origin)
        problem(response, 401)
        assert response.headers["access-control-allow-origin"] == origin["Origin"]
        assert client.get(URL, headers=origin | bearing(issuer.token())).status_code == 200


def test_open_paths_have_an_optional_user(
    client: TestClient, issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = application(client)
    monkeypatch.setattr("app.api.paths.OPEN", ("/public/",))

    @app.get("/public/greeting")
    def greet(user: OptionalUser) -> str | None:
        return user.subject if user else None

    @app.get("/public/me")
    def me(user: CurrentUser) -> str:
        return user.subject

    assert client.get("/public/greeting").json() is None
    assert client.get("/public/greeting", headers=bearing(issuer.token())).json() == "me"
    problem(client.get("/public/greeting", headers=bearing("wrong")), 401)
    assert client.get("/public/me", headers=bearing(issuer.token())).json() == "me"
    response = client.get("/public/me")
    problem(response, 401)
    assert response.headers["www-authenticate"] == "Bearer"


def test_tests_can_act_as_any_user() -> None:
    app = create_app(settings_for(UNREACHABLE_URL))
    app.get("/me")(subject_of)
    with TestClient(app) as client:
        with as_user(client, "ada"):
            assert client.get("/me").json() == "ada"
        assert client.get("/me").json() == "anonymous"


def subject_of(user: CurrentUser) -> str:
    return user.subject


def test_without_authentication_users_are_anonymous() -> None:
    app = create_app(settings_for(UNREACHABLE_URL))

    @app.get("/me")
    def me(user: CurrentUser, optional: OptionalUser, settings: SettingsDep) -> Any:
        return [user, optional, settings.auth]

    with TestClient(app) as client:
        assert client.get("/me").json() == [
            {"subject": "anonymous", "roles": [], "claims": {}},
            None,
            "none",
        ]


@pytest.mark.parametrize(
    ("claim", "claims"),
    [
        ("roles", {"roles": ["admin", "other"]}),
        ("scope", {"scope": "other admin"}),
        ("realm_access.roles", {"realm_access": {"roles": ["admin"]}}),
        ("https://example.com/roles", {"https://example.com/roles": ["admin"]}),
    ],
)
def test_a_route_may_require_a_role(
    secured: Settings, issuer: Issuer, claim: str, claims: dict[str, Any]
) -> None:
    app = create_app(secured.model_copy(update={"auth_roles_claim": claim}))

    @app.get("/admin", dependencies=[requires("admin")], responses=problems(403))
    def administer() -> str:
        return "done"

    with TestClient(app) as client:
        assert client.get("/admin", headers=bearing(issuer.token(**claims))).status_code == 200
        for others in ({}, {"roles": "administrator"}, {claim.partition(".")[0]: 1}):
            detail = problem(client.get("/admin", headers=bearing(issuer.token(**others))), 403)
            assert detail["detail"] == "Requires the role 'admin'."
        problem(client.get("/admin"), 401)


def test_the_anonymous_user_has_no_role() -> None:
    app = create_app(settings_for(UNREACHABLE_URL))
    app.get("/admin", dependencies=[requires("admin")])(lambda: "done")
    with TestClient(app) as client:
        problem(client.get("/admin"), 403)


def test_the_audience_claim_can_be_configured(secured: Settings, issuer: Issuer) -> None:
    """Access tokens of Amazon Cognito contain `client_id` instead of `aud`."""
    app = create_app(secured.model_copy(update={"auth_audience_claim": "client_id"}))
    with TestClient(app) as client:
        assert status(client, issuer.token(aud=None, client_id="items")) == 200
        assert status(client, issuer.token(aud=None, client_id="others")) == 401
        assert status(client, issuer.token(aud="items")) == 401


def test_a_missing_token_gets_a_challenge(client: TestClient) -> None:
    for headers in ({}, {"Authorization": "Basic bWU6c2VjcmV0"}, {"Authorization": "Bearer"}):
        response = client.get(URL, headers=headers)
        problem(response, 401)
        assert response.headers["www-authenticate"] == "Bearer"
    problem(client.post(URL, content=b"x" * 2_000_000), 401)  # before the body is read


def test_probes_and_docs_need_no_token(client: TestClient, issuer: Issuer) -> None:
    issuer.response = b"down"
    for path in ("/livez", "/readyz", "/metrics", "/docs", "/openapi.json"):
        assert client.get(path).status_code == 200
    for path in ("/livez", "/readyz", "/metrics"):
        assert client.get(path, headers=bearing(issuer.token())).status_code == 200


@pytest.mark.parametrize(
    "wrong",
    [
        {"exp": 1_000_000_000},
        {"exp": None},
        {"nbf": 10_000_000_000},
        {"aud": "others"},
        {"aud": None},
        {"iss": "https://example.com"},
        {"iss": None},
        {"sub": None},
        {"sub": ""},
        {"sub": "x" * 256},
        {"sub": "a\0b"},
        {"key": "second"},
        {"algorithm": "HS256"},
        {"algorithm": "none"},
    ],
    ids=lambda wrong: f"{wrong}"[:30],
)
def test_an_invalid_token_is_rejected(
    client: TestClient, issuer: Issuer, wrong: dict[str, Any]
) -> None:
    assert status(client, issuer.token()) == 200
    assert status(client, issuer.token(**wrong)) == 401


@pytest.mark.parametrize("token", ["", "a", "a.b.c", "..", "\xff", "e30.e30.", "eyJraWQiOjF9.e30."])
def test_a_malformed_token_is_rejected(client: TestClient, issuer: Issuer, token: str) -> None:
    sent = {b"Authorization": f"Bearer {token}".encode("latin-1")}
    problem(client.get(URL, headers=sent), 401)


def test_a_signature_by_another_key_is_rejected(client: TestClient, issuer: Issuer) -> None:
    header, payload, _ = issuer.token().split(".")
    signature = issuer.token(key="second").split(".")[2]
    assert status(client, f"{header}.{payload}.{signature}") == 401


def test_keys_are_fetched_for_unknown_ids_with_a_cooldown(
    client: TestClient, issuer: Issuer, clock: Clock
) -> None:
    assert status(client, issuer.token()) == 200
    issuer.published = ["second"]
    assert {status(client, issuer.token("second")) for _ in range(5)} == {401}
    assert issuer.fetches == 1
    clock.now += issuers.COOLDOWN_SECONDS
    assert status(client, issuer.token("second")) == 200
    assert status(client, issuer.token("first")) == 401  # this key was revoked


def test_an_unknown_key_is_a_503_while_keys_are_unavailable(
    client: TestClient, issuer: Issuer, clock: Clock
) -> None:
    assert status(client, issuer.token()) == 200
    issuer.published, issuer.response = ["first", "second"], b"down"
    clock.now += issuers.COOLDOWN_SECONDS
    assert status(client, issuer.token("second")) == 503
    assert status(client, issuer.token("first")) == 200
    issuer.response = None
    clock.now += issuers.RETRY_SECONDS
    assert status(client, issuer.token("second")) == 200


def test_a_revoked_key_is_rejected(
    client: TestClient, issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(issuers, "KEYS_SECONDS", 0)
    monkeypatch.setattr(issuers, "COOLDOWN_SECONDS", 0)
    issuer.published = ["first", "second"]
    assert status(client, issuer.token("second")) == 200
    issuer.published = ["first"]
    assert status(client, issuer.token("second")) == 401


@pytest.mark.parametrize(
    "response_body",
    [b"down", b"[]", b"{}", b'{"keys": []}', b"[" * 200_000],
    ids=lambda sent: repr(sent[:8]),
)
def test_cached_keys_stay_valid_when_a_fetch_fails(
    client: TestClient, issuer: Issuer, response_body: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(issuers, "KEYS_SECONDS", 0)
    monkeypatch.setattr(issuers, "COOLDOWN_SECONDS", 0)
    monkeypatch.setattr(issuers, "RETRY_SECONDS", 0)
    issuer.response = response_body
    response = client.get(URL, headers=bearing(issuer.token()))
    problem(response, 503)
    assert response.headers["retry-after"] == "1"
    issuer.response = None
    assert status(client, issuer.token()) == 200
    issuer.response = response_body
    assert status(client, issuer.token()) == 200


def test_openapi_documents_the_bearer_token(client: TestClient) -> None:
    document = client.get("/openapi.json").json()
    (name,) = document["components"]["securitySchemes"]
    assert document["security"] == [{name: []}]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"auth_jwks_url": "https://me.example/keys"}, "AUTH_AUDIENCE"),
        ({"auth_audience": "items"}, "AUTH_JWKS_URL"),
        ({"auth_issuer": "https://me.example"}, "AUTH_JWKS_URL"),
        ({"auth_jwks_url": "https://me.example/keys", "auth_audience": "items"}, "AUTH_ISSUER"),
        (
            {
                "auth_jwks_url": "https://me.example/.well-known/jwks.json",
                "auth_audience": "items",
                "auth": "none",
            },
            "excludes",
        ),
    ],
)
def test_inconsistent_settings_are_rejected(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Settings(**values)


def test_production_without_authentication_requires_auth_none() -> None:
    with pytest.raises(ValueError, match="AUTH=none"):
        create_app(Settings(app_env="production"))
    assert create_app(Settings(app_env="production", auth="none"))


def test_the_issuer_can_differ_from_the_jwks_url() -> None:
    issuers = Settings(
        auth_jwks_url=HttpUrl("https://keys.example/42"),
        auth_audience="items",
        auth_issuer="https://me.example",
    ).issuers
    assert issuers == ["https://me.example"]
