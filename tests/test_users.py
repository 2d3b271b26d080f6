"""`make users` and owned rows: each documented attack succeeds without its defence."""

import re

import pytest

from tests.conftest import Bake, Service, commit, make_once
from tests.test_promises import Edit, Installed, assert_test_fails, edited_files

THREAT = re.compile(r"^\| ([^|]+) \| [^|]+ \| `([^|]+)` \|$", re.MULTILINE)
ACCESS = "app/api/access_tokens.py"
ISSUER = "app/api/issuer.py"
ROUTES = "app/api/routes/users.py"
SERVICES = "app/services/users.py"
ATTEMPTS = "app/services/attempts.py"

UNDO: dict[str, Edit] = {
    "another algorithm, or none, in the token": (
        ACCESS,
        "algorithms=[ALGORITHM]",
        'algorithms=[ALGORITHM, "HS384"]',
    ),
    "a token that has expired, is from the future, or for another service": (
        ACCESS,
        'options={"require"',
        'options={"verify_exp": False, "verify_iat": False, "require"',
    ),
    "the same with the tokens of an issuer": (
        ISSUER,
        '["exp", "iss", "sub", self.audience_claim]',
        "[]",
    ),
    "a key that was rotated out": (
        ACCESS,
        "*fallbacks)",
        '*fallbacks, Settings.model_fields["auth_secret_key"].default)',
    ),
    "an issuer that does not answer": (
        ISSUER,
        'log.warning("AUTH_JWKS_URL cannot be read: %s", error)',
        "self.keys = {}",
    ),
    "a stolen refresh token that was used before": (
        SERVICES,
        "        await session.delete(login)\n        return None",
        "        return None",
    ),
    "finding out which emails have an account, by responses or their time": (
        "app/services/passwords.py",
        "    stored = password_hash or DUMMY_HASH\n",
        "    if password_hash is None:\n        return False\n    stored = password_hash\n",
    ),
    "guessing passwords of one account, however many addresses are used": (
        ATTEMPTS,
        "if attempts > limit:",
        "if False:",
    ),
    "guessing passwords from one address behind a proxy": (
        ROUTES,
        'attempts.address(request.client.host if request.client else "")',
        'attempts.address("")',
    ),
    "guessing the password with a stolen access token": (
        ROUTES,
        "change.password.get_secret_value(), *keys)",
        "change.password.get_secret_value())",
    ),
    "an API key that creates another one before it is revoked": (
        ROUTES,
        'if "api_key" in user.claims:',
        "if False:",
    ),
    "the id of another user's key": (
        SERVICES,
        ".where(ApiKeyTable.id == id_, of_user)",
        ".where(ApiKeyTable.id == id_)",
    ),
    "an access token whose login has ended": (
        SERVICES,
        'or await session.get(LoginTable, UUID(user.claims["sid"])) is None',
        "",
    ),
    "a login that verified the old password while it was changed": (
        SERVICES,
        "if user is None or user.password_hash != verified.password_hash:",
        "if user is None:",
    ),
    "finding out which emails have an account, by email changes": (
        ROUTES,
        "keys = address(request), attempts.account(user.subject)",
        "keys = (attempts.account(user.subject),)",
    ),
    "a body that sets a role": ("app/schemas/base.py", 'extra="forbid"', 'extra="ignore"'),
}

OWNED = "app/db/owned.py"
ADDS_OWNER = "    state.statement = state.statement.options(is_own)\n"
UNDO_OWNED: dict[str, Edit] = {
    "the id of another user's note, through every route": (OWNED, ADDS_OWNER, ""),
    "a cursor of another user's list": (OWNED, ADDS_OWNER, ""),
    "a body that names an owner": ("app/schemas/base.py", 'extra="forbid"', 'extra="ignore"'),
    "a reference to another user's row": (OWNED, ADDS_OWNER, ""),
    "a report that forgets the owner": (
        OWNED,
        "if without_column or (owned and owner is None):",
        "if False:",
    ),
}


@pytest.mark.slow
def test_make_users_does_not_overwrite_changed_files(bake: Bake) -> None:
    service = bake()
    service.run("make", "install")
    commit(service, "First commit")
    settings = service.path / "app" / "settings.py"
    settings.write_text(service.read("app/settings.py").replace("    auth: ", "    mode: "))
    commit(service, "Another name")
    output = service.run("sh", "-c", "! make users")
    assert "Nothing was written: app/settings.py has changed, so" in output
    assert service.run("git", "status", "--porcelain") == ""


@pytest.mark.slower
def test_each_attack_succeeds_without_its_defence(bake: Bake) -> None:
    service = bake(database="sqlite", concurrency="async")
    service.run("make", "install")
    commit(service, "First commit")
    make_once(service, "users")
    attacks = documented_attacks(service, "docs/authentication.md")
    assert {*attacks} == {*UNDO, "tokens and passwords in logs"}
    for attack, edit in UNDO.items():
        file, _, name = attacks[attack].rpartition("::")
        test = f"api/{file or 'test_users.py'}::{name}"
        assert_test_fails(Installed(service, {}), edited_files(service, [edit]), test)


@pytest.mark.slower
def test_rows_of_others_are_visible_without_each_guard(bake: Bake) -> None:
    service = bake(database="sqlite", concurrency="async")
    service.run("make", "install")
    commit(service, "First commit")
    for name, fields in (("note", "title:str(128)"), ("note_line", "note:ref(note) text:str")):
        service.run("make", "resource", f"name={name}", f"fields={fields}", "owner=user")
    attacks = documented_attacks(service, "docs/ownership.md")
    assert attacks.keys() == UNDO_OWNED.keys()
    for attack, edit in UNDO_OWNED.items():
        assert_test_fails(Installed(service, {}), edited_files(service, [edit]), attacks[attack])


def documented_attacks(service: Service, page: str) -> dict[str, str]:
    """Returns the attacks on the page and their tests."""
    return dict(THREAT.findall(service.read(page).partition("## Threats")[2]))
