from contextlib import suppress
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, HTTPException, Request
from fastapi.security import OAuth2PasswordRequestForm

from app.api.access_tokens import LIFETIME, AccessTokens
from app.api.dependencies import SettingsDep, StoreDep
from app.api.errors import problems
from app.api.users import CHALLENGE, CurrentUser
from app.repositories.errors import Conflict, Forbidden
from app.repositories.store import Store
from app.schemas.identity import User
from app.schemas.users import (
    ApiKeyCreate,
    ApiKeys,
    EmailChange,
    NewApiKey,
    OwnAccount,
    PasswordChange,
    RefreshToken,
    SignUp,
    Tokens,
    is_text,
)
from app.services import attempts, passwords, users
from app.settings import Settings

# For the OpenAPI document: "Authorize" in /docs asks for an email and a password.
SCHEME: dict[str, Any] = {
    "type": "oauth2",
    "flows": {"password": {"tokenUrl": "/v1/auth/login", "refreshUrl": "/v1/auth/refresh", "scopes": {}}},
}
OPEN: dict[str, Any] = {"security": []}

router = APIRouter(prefix="/v1", tags=["users"], responses=problems(422, 429, 503))


async def logged_in(user: CurrentUser) -> User:
    """Raises `Forbidden` for an API key: a stolen one must not outlive its revocation."""
    if "api_key" in user.claims:
        raise Forbidden("An API key may not do this: log in.")
    return user


LoggedIn = Annotated[User, Depends(logged_in)]


def address(request: Request) -> tuple[str, int]:
    """Behind a proxy it is the client's address only if FORWARDED_ALLOW_IPS names the proxy."""
    return attempts.address(request.client.host if request.client else "")


async def limit(store: Store, *keys: tuple[str, int]) -> None:
    """Counts an attempt in a separate transaction, so that later failures do not undo it."""
    async with store.write() as repositories:
        seconds = await attempts.count(repositories, *keys)
    if seconds:
        raise HTTPException(429, "Too many attempts: try again later.", {"Retry-After": str(seconds)})


async def verify(store: Store, user: User, password: str, *keys: tuple[str, int]) -> None:
    """Checks the user's password, because the sender may have stolen the token."""
    await limit(store, *keys)
    async with store.read(snapshot=False) as repositories:
        account = await users.by_id(repositories, user)
    if not await passwords.is_right(password, account.password_hash):
        raise Forbidden("The password is wrong.")


def tokens(login: users.Login, settings: Settings) -> Tokens:
    access_token = AccessTokens(settings).sign(login)
    return Tokens(
        access_token=access_token,
        refresh_token=login.refresh_token,
        expires_in=int(LIFETIME.total_seconds()),
    )


def wrong_login() -> HTTPException:
    """Does not reveal which of the two is wrong."""
    return HTTPException(401, "The email or the password is wrong.", CHALLENGE)


@router.post("/auth/register", status_code=202, openapi_extra=OPEN, responses=problems(413))
async def register(new: SignUp, store: StoreDep, request: Request) -> None:
    """Signs up. If the email has an account, it stays unchanged and the response is the same."""
    await limit(store, address(request))
    password_hash = await passwords.hashed(new.password.get_secret_value())
    with suppress(Conflict):
        async with store.write() as repositories:
            await users.add(repositories, new.email, password_hash)


@router.post("/auth/login", openapi_extra=OPEN, responses=problems(401, 413))
async def log_in(
    form: Annotated[OAuth2PasswordRequestForm, Depends()],
    store: StoreDep,
    settings: SettingsDep,
    request: Request,
) -> Tokens:
    """`username` is the email. https://www.rfc-editor.org/rfc/rfc6749#section-4.3"""
    email = form.username.strip().lower()
    if "\0" in email or not (is_text(email) and is_text(form.password)):
        raise wrong_login()  # nobody can have signed up with it
    keys = address(request), attempts.login(email)
    await limit(store, *keys)
    async with store.read(snapshot=False) as repositories:
        user = await users.by_email(repositories, email)
    is_right = await passwords.is_right(form.password, user.password_hash if user else None)
    if user is None or not is_right:
        raise wrong_login()
    async with store.write() as repositories:
        login = await users.log_in(repositories, user)
        if login is None:
            raise wrong_login()
        await attempts.forgive(repositories, *keys)
    return tokens(login, settings)


@router.post("/auth/refresh", openapi_extra=OPEN, responses=problems(401, 413))
async def refresh(sent: RefreshToken, store: StoreDep, settings: SettingsDep) -> Tokens:
    """Each refresh token can be used once; using it again ends the login."""
    async with store.write() as repositories:
        login = await users.refresh(repositories, sent.refresh_token.get_secret_value())
    if login is None:  # an error inside the block would roll back the end of the login
        raise HTTPException(401, "The refresh token is not valid.", CHALLENGE)
    return tokens(login, settings)


@router.post("/auth/logout", status_code=204, openapi_extra=OPEN, responses=problems(413))
async def log_out(sent: RefreshToken, store: StoreDep) -> None:
    """Ends the login. Its access tokens stay valid for up to 15 minutes, but can no longer change
    the account.
    """
    async with store.write() as repositories:
        await users.log_out(repositories, sent.refresh_token.get_secret_value())


@router.get("/users/me", responses=problems(401, 404))
async def read_own_account(user: CurrentUser, store: StoreDep) -> OwnAccount:
    async with store.read(snapshot=False) as repositories:
        return OwnAccount.model_validate(await users.by_id(repositories, user))


@router.put("/users/me/password", responses=problems(401, 403, 404, 409, 413))
async def change_password(
    change: PasswordChange, user: LoggedIn, store: StoreDep, settings: SettingsDep
) -> Tokens:
    """Ends all logins of the user, and starts a new one. API keys stay valid until deleted."""
    keys = attempts.account(user.subject)
    await verify(store, user, change.password.get_secret_value(), keys)
    password_hash = await passwords.hashed(change.new_password.get_secret_value())
    async with store.write() as repositories:
        login = await users.change_password(repositories, user, password_hash)
        await attempts.forgive(repositories, keys)
    return tokens(login, settings)


@router.put("/users/me/email", responses=problems(401, 403, 404, 409, 413))
async def change_email(
    change: EmailChange, user: LoggedIn, store: StoreDep, request: Request
) -> OwnAccount:
    """An email that is taken is a 409. Successful attempts count too, so nobody can probe many."""
    keys = address(request), attempts.account(user.subject)
    await verify(store, user, change.password.get_secret_value(), *keys)
    async with store.write() as repositories:
        account = await users.for_change(repositories, user)
        account.email = change.email
        await repositories.session.flush()
        return OwnAccount.model_validate(account)


@router.post("/users/me/api-keys", status_code=201, responses=problems(401, 403, 413))
async def create_api_key(new: ApiKeyCreate, user: LoggedIn, store: StoreDep) -> NewApiKey:
    async with store.write() as repositories:
        return await users.add_key(repositories, user, new)


@router.get("/users/me/api-keys", responses=problems(401))
async def list_api_keys(user: CurrentUser, store: StoreDep) -> ApiKeys:
    async with store.read(snapshot=False) as repositories:
        return ApiKeys(items=await users.keys(repositories, user))


@router.delete("/users/me/api-keys/{key_id:uuid}", status_code=204, responses=problems(401, 403, 404))
async def delete_api_key(key_id: UUID, user: LoggedIn, store: StoreDep) -> None:
    async with store.write() as repositories:
        await users.remove_key(repositories, user, key_id)
