"""Sign-up, login, accounts and API keys, with the attacks in docs/authentication.md."""

import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import Mock
from uuid import UUID, uuid4

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from fastapi import FastAPI
from fastapi.testclient import TestClient
from httpx2 import Response
from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher
from pydantic import SecretStr, ValidationError
from sqlalchemy import Engine, update
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from app.api.users import requires
from app.db.tables.users import AttemptTable, LoginTable, UserTable
from app.services import attempts, passwords
from app.settings import DEVELOPMENT_KEY, NAME, Settings
from tests.api.client import in_database, problem
from tests.conftest import Start, application
from tests.issuer import bearing
from tests.widgets import create_app

pytestmark = in_database

PASSWORD = "correct horse battery"  # noqa: S105 - used only in these tests
ADA, EVE = "ada@example.com", "eve@example.com"
ME = "/v1/users/me"
KEYS = f"{ME}/api-keys"
CHEAP = PasswordHash((Argon2Hasher(time_cost=1, memory_cost=8, parallelism=1),))


@pytest.fixture(autouse=True)
def _cheap_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes password hashing cheap: at full cost it would dominate the duration of these tests."""
    monkeypatch.setattr(passwords, "ARGON2", CHEAP)


@pytest.fixture
def own(settings: Settings) -> Settings:
    return settings.model_copy(update={"auth": "own"})


@pytest.fixture
def client(own: Settings) -> Iterator[TestClient]:
    with TestClient(create_app(own)) as client:
        yield client


def register(client: TestClient, email: str = ADA, password: str = PASSWORD) -> Response:
    return client.post("/v1/auth/register", json={"email": email, "password": password})


def try_login(client: TestClient, email: str = ADA, password: str = PASSWORD) -> Response:
    return client.post("/v1/auth/login", data={"username": email, "password": password})


def log_in(client: TestClient, email: str = ADA, password: str = PASSWORD) -> dict[str, Any]:
    response = try_login(client, email, password)
    assert response.status_code == 200, response.text
    tokens: dict[str, Any] = response.json()
    return tokens


def sign_up(client: TestClient, email: str = ADA) -> dict[str, Any]:
    assert register(client, email).status_code == 202
    return log_in(client, email)


def headers_of(client: TestClient, email: str = ADA) -> dict[str, str]:
    return bearing(sign_up(client, email)["access_token"])


def refresh(client: TestClient, token: str) -> Response:
    return client.post("/v1/auth/refresh", json={"refresh_token": token})


def test_a_new_user_can_log_in(client: TestClient) -> None:
    tokens = sign_up(client)
    assert (tokens["token_type"], tokens["expires_in"]) == ("bearer", 900)
    account = client.get(ME, headers=bearing(tokens["access_token"])).json()
    assert (account["email"], account["role"]) == (ADA, "user")
    assert "password" not in str(account)
    assert client.get("/v1/widgets", headers=bearing(tokens["access_token"])).status_code == 200


def test_emails_are_lowercased(client: TestClient) -> None:
    assert register(client, "Ada@Example.COM").status_code == 202
    assert log_in(client, "ADA@example.com ")
    assert register(client, "ada@example.com", "another password").status_code == 202
    problem(try_login(client, ADA, "another password"), 401)


@pytest.mark.parametrize(
    ("email", "password"), [("ada", PASSWORD), (ADA, "short"), (ADA, "x" * 129), (ADA, None)]
)
def test_an_invalid_email_or_password_is_rejected(
    client: TestClient, email: str, password: str
) -> None:
    problem(register(client, email, password), 422)


def test_invalid_text_is_rejected(client: TestClient) -> None:
    json = {"Content-Type": "application/json"}
    for body in (
        b'{"email": "ada@example.com", "password": "correct horse \\ud800"}',
        b'{"email": "ada\\ud800@example.com", "password": "correct horse battery"}',
    ):
        problem(client.post("/v1/auth/register", content=body, headers=json), 422)
    login = sign_up(client)["refresh_token"].partition(".")[0]
    body = b'{"refresh_token": "%s.\\ud800"}' % login.encode()
    problem(client.post("/v1/auth/refresh", content=body, headers=json), 422)
    # A form can declare an encoding that decodes to arbitrary text.
    form = {"Content-Type": "multipart/form-data; boundary=x; charset=unicode_escape"}
    field = b'--x\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n'
    for username, password in ((b"\\ud800", b"x"), (b"\\x00", b"x"), (ADA.encode(), b"\\ud800")):
        body = field % (b"username", username) + field % (b"password", password) + b"--x--\r\n"
        problem(client.post("/v1/auth/login", content=body, headers=form), 401)


def test_a_password_is_stored_as_an_argon2_hash(client: TestClient, database: Engine) -> None:
    sign_up(client)
    with database.connect() as connection:
        (stored,) = connection.execute(UserTable.__table__.select()).all()
    assert stored.password_hash.startswith("$argon2id$")
    assert passwords.DUMMY_HASH.startswith("$argon2id$v=19$m=65536,t=3,p=4$")  # full cost, not CHEAP


def test_responses_do_not_reveal_whether_an_account_exists(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    sign_up(client)
    argon2 = Mock(wraps=passwords.ARGON2)
    monkeypatch.setattr(passwords, "ARGON2", argon2)
    taken, free = register(client, ADA, "another password"), register(client, EVE)
    assert (taken.status_code, taken.content) == (free.status_code, free.content) == (202, b"null")
    known = problem(try_login(client, ADA, "wrong password"), 401)
    unknown = problem(try_login(client, "nobody@example.com"), 401)
    assert known == unknown
    # The same work in both cases, and therefore the same response time.
    calls = [name for name, *_ in argon2.method_calls]
    assert calls == ["hash", "hash", "verify", "verify"]


def test_login_attempts_are_limited(client: TestClient, database: Engine) -> None:
    sign_up(client)
    sign_up(client, EVE)
    for email in (ADA, "nobody@example.com"):
        for _ in range(attempts.PER_ACCOUNT):
            problem(try_login(client, email, "wrong password"), 401)
        response = try_login(client, email)
        problem(response, 429)
        assert 800 < int(response.headers["retry-after"]) <= 901
    assert log_in(client, EVE)
    expire(database)
    assert log_in(client)


def test_successful_logins_are_not_limited(client: TestClient) -> None:
    sign_up(client)
    for _ in range(attempts.PER_ACCOUNT + 1):
        log_in(client)


def expire(database: Engine) -> None:
    with database.begin() as connection:
        for table in (AttemptTable, LoginTable):
            connection.execute(
                update(table).values(expires_at=datetime.now(UTC) - timedelta(seconds=1))
            )


def test_addresses_behind_a_proxy_are_limited(
    client: TestClient, own: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    sign_up(client)
    monkeypatch.setattr(attempts, "PER_ADDRESS", 3)
    service: Any = create_app(own)
    app: Any = ProxyHeadersMiddleware(service, trusted_hosts=["10.0.0.1"])

    def attempts_from(proxy: str, address: str) -> list[int]:
        with TestClient(app, client=(proxy, 1)) as sender:
            sender.headers["X-Forwarded-For"] = address
            return [
                try_login(sender, f"{uuid4()}@example.com", "wrong password").status_code
                for _ in range(4)
            ]

    assert attempts_from("10.0.0.1", "192.0.2.1") == [401, 401, 401, 429]
    assert attempts_from("10.0.0.1", "192.0.2.2")[0] == 401
    assert attempts_from("10.0.0.1", "2001:db8::1") == [401, 401, 401, 429]
    assert attempts_from("10.0.0.1", "2001:db8::ffff")[0] == 429  # the same network
    # The header is ignored unless it comes from a trusted proxy.
    assert attempts_from("192.0.2.9", "192.0.2.3") == [401, 401, 401, 429]
    assert attempts_from("192.0.2.9", "192.0.2.4")[0] == 429


def test_a_refresh_token_can_be_used_once(client: TestClient) -> None:
    first = sign_up(client)
    second = refresh(client, first["refresh_token"]).json()
    assert client.get(ME, headers=bearing(second["access_token"])).status_code == 200
    problem(refresh(client, first["refresh_token"]), 401)
    # Reuse revokes the login, for the thief as well as for the user.
    problem(refresh(client, second["refresh_token"]), 401)
    assert refresh(client, log_in(client)["refresh_token"]).status_code == 200


def test_a_refresh_token_expires(client: TestClient, database: Engine) -> None:
    token = sign_up(client)["refresh_token"]
    expire(database)
    problem(refresh(client, token), 401)


@pytest.mark.parametrize("token", ["", "x", ".", f"{UUID(int=1)}.x", "\0", f"{UUID(int=1)}"])
def test_an_unknown_refresh_token_is_rejected(client: TestClient, token: str) -> None:
    problem(refresh(client, token), 401)
    sent = {"refresh_token": token}
    assert client.post("/v1/auth/logout", json=sent).status_code == 204


def test_a_logout_ends_its_login(client: TestClient) -> None:
    tokens, others = sign_up(client), log_in(client)
    sent = {"refresh_token": tokens["refresh_token"]}
    assert client.post("/v1/auth/logout", json=sent).status_code == 204
    problem(refresh(client, tokens["refresh_token"]), 401)
    assert refresh(client, others["refresh_token"]).status_code == 200


def test_expired_logins_are_removed(client: TestClient, database: Engine) -> None:
    sign_up(client)
    expire(database)
    log_in(client)
    with database.connect() as connection:
        assert len(connection.execute(LoginTable.__table__.select()).all()) == 1
        assert len(connection.execute(AttemptTable.__table__.select()).all()) == 2


def test_a_changed_password_ends_all_logins(client: TestClient) -> None:
    tokens = sign_up(client)
    headers = bearing(tokens["access_token"])
    change = {"password": "wrong password", "new_password": "battery horse correct"}
    problem(client.put(f"{ME}/password", json=change, headers=headers), 403)
    change["password"] = PASSWORD
    new = client.put(f"{ME}/password", json=change, headers=headers).json()
    problem(refresh(client, tokens["refresh_token"]), 401)
    assert refresh(client, new["refresh_token"]).status_code == 200
    problem(try_login(client), 401)
    assert log_in(client, ADA, "battery horse correct")


def test_a_password_that_is_changed_during_a_login_is_rejected(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    headers = headers_of(client)
    change = {"password": PASSWORD, "new_password": "battery horse correct"}
    changed_between(monkeypatch, client, headers, change)
    problem(try_login(client), 401)
    assert log_in(client, ADA, change["new_password"])


def test_the_second_of_two_concurrent_password_changes_is_rejected(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    headers, others = headers_of(client), bearing(log_in(client)["access_token"])
    change = {"password": PASSWORD, "new_password": "battery horse correct"}
    changed_between(monkeypatch, client, others, change)
    sent = {"password": PASSWORD, "new_password": "correct battery horse"}
    problem(client.put(f"{ME}/password", json=sent, headers=headers), 403)
    assert log_in(client, ADA, change["new_password"])


def changed_between(
    monkeypatch: pytest.MonkeyPatch,
    client: TestClient,
    headers: dict[str, str],
    change: dict[str, str],
) -> None:
    """Changes the password right after the next request has verified the old one."""
    argon2 = passwords.ARGON2

    def verify(password: str, password_hash: str) -> bool:
        monkeypatch.setattr(passwords, "ARGON2", argon2)
        is_right = argon2.verify(password, password_hash)
        response = client.put(f"{ME}/password", json=change, headers=headers)
        assert response.status_code == 200, response.text
        return is_right

    monkeypatch.setattr(passwords, "ARGON2", Mock(verify=verify))


@pytest.mark.parametrize("end", ["logout", "password"])
def test_a_token_of_an_ended_login_cannot_change_the_account(client: TestClient, end: str) -> None:
    tokens = sign_up(client)
    headers = bearing(tokens["access_token"])
    key = client.post(KEYS, json={"name": "export"}, headers=headers).json()["id"]
    if end == "logout":
        client.post("/v1/auth/logout", json={"refresh_token": tokens["refresh_token"]})
    else:
        change = {"password": PASSWORD, "new_password": PASSWORD}
        others = bearing(log_in(client)["access_token"])
        assert client.put(f"{ME}/password", json=change, headers=others).status_code == 200
    change = {"password": PASSWORD, "email": EVE, "new_password": "battery horse correct"}
    for field, path in (("email", "email"), ("new_password", "password")):
        sent = {name: change[name] for name in ("password", field)}
        problem(client.put(f"{ME}/{path}", json=sent, headers=headers), 403)
    problem(client.post(KEYS, json={"name": "another"}, headers=headers), 403)
    problem(client.delete(f"{KEYS}/{key}", headers=headers), 403)


def test_an_expired_token_does_not_prevent_a_login(client: TestClient) -> None:
    tokens = sign_up(client)
    client.headers.update(bearing(forged(exp=datetime(2020, 1, 1, tzinfo=UTC))))
    assert refresh(client, tokens["refresh_token"]).status_code == 200
    assert log_in(client)


def test_a_changed_email_can_log_in(client: TestClient) -> None:
    headers = headers_of(client)
    sign_up(client, EVE)
    change = {"password": PASSWORD, "email": EVE}
    errors = problem(client.put(f"{ME}/email", json=change, headers=headers), 409)["errors"]
    assert [error["field"] for error in errors] == ["email"]
    change["email"] = "Ada@example.org"
    response = client.put(f"{ME}/email", json=change, headers=headers)
    assert response.json()["email"] == "ada@example.org"
    assert log_in(client, "ada@example.org")
    problem(try_login(client), 401)


def test_one_address_cannot_probe_many_emails(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    headers, eve = headers_of(client), headers_of(client, EVE)
    monkeypatch.setattr(attempts, "PER_ADDRESS", 4)  # the two sign-ups count too
    change = {"password": PASSWORD, "email": EVE}
    for expected in (409, 409, 429):
        problem(client.put(f"{ME}/email", json=change, headers=headers), expected)
    problem(client.put(f"{ME}/email", json=change | {"email": ADA}, headers=eve), 429)


def test_failed_logins_do_not_limit_a_logged_in_user(client: TestClient) -> None:
    headers = headers_of(client)
    id_ = client.get(ME, headers=headers).json()["id"]
    for _ in range(attempts.PER_ACCOUNT + 1):
        try_login(client, id_, "wrong password")
    change = {"password": PASSWORD, "email": EVE}
    assert client.put(f"{ME}/email", json=change, headers=headers).status_code == 200


def test_a_stolen_token_cannot_try_many_passwords(client: TestClient) -> None:
    headers = headers_of(client)
    change = {"password": "wrong password", "email": EVE}
    for _ in range(attempts.PER_ACCOUNT):
        problem(client.put(f"{ME}/email", json=change, headers=headers), 403)
    problem(client.put(f"{ME}/email", json=change | {"password": PASSWORD}, headers=headers), 429)


def test_an_api_key_acts_for_its_user_until_it_is_revoked(client: TestClient) -> None:
    headers = headers_of(client)
    created = client.post(KEYS, json={"name": "export"}, headers=headers).json()
    key = bearing(created["key"])
    assert client.get(ME, headers=key).json()["email"] == ADA
    listed = client.get(KEYS, headers=key).json()["items"]
    assert listed == [{name: created[name] for name in created if name != "key"}]
    assert client.delete(f"{KEYS}/{created['id']}", headers=headers).status_code == 204
    problem(client.get(ME, headers=key), 401)
    assert client.get(KEYS, headers=headers).json() == {"items": []}


def test_an_api_key_cannot_replace_itself_or_the_password(client: TestClient) -> None:
    headers = headers_of(client)
    created = client.post(KEYS, json={"name": "export"}, headers=headers).json()
    key = bearing(created["key"])
    problem(client.post(KEYS, json={"name": "another"}, headers=key), 403)
    problem(client.delete(f"{KEYS}/{created['id']}", headers=key), 403)
    change = {"password": PASSWORD, "new_password": "battery horse correct"}
    problem(client.put(f"{ME}/password", json=change, headers=key), 403)


def test_the_api_key_of_another_user_is_not_found(client: TestClient) -> None:
    created = client.post(KEYS, json={"name": "export"}, headers=headers_of(client)).json()
    eve = headers_of(client, EVE)
    problem(client.delete(f"{KEYS}/{created['id']}", headers=eve), 404)
    assert client.get(KEYS, headers=eve).json() == {"items": []}
    assert client.get(ME, headers=bearing(created["key"])).status_code == 200


@pytest.mark.parametrize("field", ["role", "id", "password_hash"])
def test_users_cannot_set_their_role(client: TestClient, field: str) -> None:
    new = {"email": ADA, "password": PASSWORD, field: "admin"}
    problem(client.post("/v1/auth/register", json=new), 422)
    change = {"password": PASSWORD, "email": EVE, field: "admin"}
    problem(client.put(f"{ME}/email", json=change, headers=headers_of(client)), 422)


def test_a_route_may_require_a_role(client: TestClient, own: Settings, start: Start) -> None:
    application(client).get("/admin", dependencies=[requires("admin")])(lambda: "done")
    headers = headers_of(client)
    key = client.post(KEYS, json={"name": "export"}, headers=headers).json()["key"]
    problem(client.get("/admin", headers=headers), 403)
    problem(client.get("/admin", headers=bearing(key)), 403)
    variables = {"DATABASE_URL": own.database_url.get_secret_value()}
    for email, role, words in (
        (EVE, "admin", f"{EVE} has not signed up"),
        (ADA, "x" * 33, "a role has 1 to 32 characters"),
        (ADA, "admin", f"{ADA} is admin"),
    ):
        process = start("-m", "tools.role", email, role, variables=variables)
        assert words in process.communicate()[0]
    assert client.get("/admin", headers=bearing(key)).json() == "done"
    headers = bearing(log_in(client)["access_token"])
    assert client.get("/admin", headers=headers).json() == "done"


def test_the_token_of_a_deleted_user_finds_no_account(client: TestClient, database: Engine) -> None:
    headers = headers_of(client)
    with database.begin() as connection:
        connection.execute(UserTable.__table__.delete())
    problem(client.get(ME, headers=headers), 404)


def forged(key: Any = DEVELOPMENT_KEY, algorithm: str = "HS256", **changes: object) -> str:
    now = datetime.now(UTC)
    claims = {
        **{"iss": NAME, "aud": NAME, "sub": str(uuid4()), "sid": str(uuid4()), "roles": ["admin"]},
        **{"iat": now, "exp": now + timedelta(minutes=5)},
    } | changes
    payload = {name: value for name, value in claims.items() if value is not None}
    return jwt.encode(payload, key, algorithm)


@pytest.mark.parametrize(
    "wrong",
    [
        {"key": "another key of at least 32 characters"},
        {"algorithm": "none", "key": None},
        {"algorithm": "HS384"},
        {"algorithm": "RS256", "key": rsa.generate_private_key(65537, 2048)},
        {"exp": datetime(2020, 1, 1, tzinfo=UTC)},
        {"iat": datetime(2100, 1, 1, tzinfo=UTC)},
        {"nbf": datetime(2100, 1, 1, tzinfo=UTC)},
        {"iss": "https://example.com"},
        {"aud": "others"},
        *({name: None} for name in ("exp", "iat", "iss", "aud", "sub", "sid", "roles")),
        {"sub": "ada"},
        {"sid": "x"},
        {"roles": 5},
    ],
    ids=lambda wrong: f"{wrong}"[:30],
)
def test_a_forged_token_is_rejected(client: TestClient, wrong: dict[str, Any]) -> None:
    assert client.get("/v1/widgets", headers=bearing(forged())).status_code == 200
    problem(client.get("/v1/widgets", headers=bearing(forged(**wrong))), 401)


@pytest.mark.parametrize("token", ["", "a.b.c", "key_", "key_\xff", "\0", "Bearer"])
def test_a_malformed_token_is_rejected(client: TestClient, token: str) -> None:
    sent = {b"Authorization": f"Bearer {token}".encode("latin-1")}
    problem(client.get("/v1/widgets", headers=sent), 401)


def test_the_signing_key_can_be_rotated(client: TestClient, own: Settings) -> None:
    old = headers_of(client)
    new = SecretStr("another key of at least 32 characters")
    rotated = {"auth_secret_key": new, "auth_secret_key_fallbacks": (own.auth_secret_key,)}
    with TestClient(create_app(own.model_copy(update=rotated))) as during:
        assert during.get(ME, headers=old).status_code == 200
        for wrong in ("a.b.c", forged(exp=datetime(2020, 1, 1, tzinfo=UTC))):
            problem(during.get(ME, headers=bearing(wrong)), 401)
        current = bearing(log_in(during)["access_token"])
    with TestClient(create_app(own.model_copy(update={"auth_secret_key": new}))) as after:
        problem(after.get(ME, headers=old), 401)
        assert after.get(ME, headers=current).status_code == 200


def test_production_requires_its_own_signing_key() -> None:
    with pytest.raises(ValueError, match="AUTH_SECRET_KEY"):
        create_app(Settings(app_env="production"))
    with pytest.raises(ValidationError, match="auth_secret_key"):
        Settings(auth_secret_key=SecretStr("short"))
    key = SecretStr("another key of at least 32 characters")
    assert create_app(Settings(app_env="production", auth_secret_key=key))


def test_logs_contain_no_secrets(client: TestClient, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    tokens = sign_up(client)
    headers = bearing(tokens["access_token"])
    key = client.post(KEYS, json={"name": "export"}, headers=headers).json()["key"]
    register(client)
    client.get(ME, headers=bearing(key))
    refresh(client, tokens["refresh_token"])
    refresh(client, tokens["refresh_token"])
    problem(client.post("/v1/auth/register", json={"email": "x", "password": PASSWORD}), 422)
    lines = "\n".join(f"{record.getMessage()} {record.__dict__}" for record in caplog.records)
    assert "/v1/auth/refresh" in lines
    for secret in (PASSWORD, tokens["access_token"], tokens["refresh_token"], key):
        assert secret not in lines


def test_every_route_requires_a_token_unless_documented_as_open(client: TestClient) -> None:
    document = client.get("/openapi.json").json()
    assert document["components"]["securitySchemes"]["bearer"]["type"] == "oauth2"
    open_paths = set()
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            response = client.request(method, path.replace("{key_id}", str(uuid4())))
            if response.status_code != 401:
                open_paths.add(path)
            assert (response.status_code == 401) == ("security" not in operation), path
    assert open_paths == {
        *("/livez", "/readyz", "/v1/auth/register", "/v1/auth/refresh", "/v1/auth/logout"),
        "/v1/auth/login",
    }


@pytest.mark.parametrize("mode", [{"auth": "none"}, {"auth": None}])
def test_other_modes_have_no_users(settings: Settings, mode: dict[str, Any]) -> None:
    app: FastAPI = create_app(settings.model_copy(update=mode))
    with TestClient(app) as client:
        problem(register(client), 404)
        assert ME not in client.get("/openapi.json").json()["paths"]
