"""Accounts, their tokens and API keys."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, SecretStr

from app.schemas.base import EmailAddress, Entity, Schema, Text


def is_text(value: str) -> bool:
    """Whether it can be encoded: lone surrogates, which JSON allows, cannot."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _must_be_text(secret: SecretStr) -> SecretStr:
    if not is_text(secret.get_secret_value()):
        raise ValueError("must be text that can be encoded in UTF-8")
    return secret


Secret = Annotated[SecretStr, AfterValidator(_must_be_text)]
Email = Annotated[EmailAddress, AfterValidator(str.lower)]
# Length counts, character classes do not: https://pages.nist.gov/800-63-4/sp800-63b.html#passwordver
NewPassword = Annotated[Secret, Field(min_length=12, max_length=128)]
Password = Annotated[Secret, Field(max_length=128)]
KeyName = Annotated[Text, Field(min_length=1, max_length=64, examples=["nightly export"])]


class SignUp(Schema):
    email: Email
    password: NewPassword


class OwnAccount(Entity):
    email: str
    role: str


class PasswordChange(Schema):
    password: Password
    new_password: NewPassword


class EmailChange(Schema):
    password: Password
    email: Email


class RefreshToken(Schema):
    refresh_token: Annotated[Secret, Field(max_length=128)]


class Tokens(Schema):
    """https://www.rfc-editor.org/rfc/rfc6749#section-5.1"""

    access_token: str
    refresh_token: str
    token_type: Literal["bearer"] = "bearer"  # noqa: S105 - the name of a scheme
    expires_in: Annotated[int, Field(description="Seconds until the access token expires.")]


class ApiKeyCreate(Schema):
    name: KeyName


class ApiKey(Entity):
    name: str


class NewApiKey(ApiKey):
    key: Annotated[str, Field(description="The bearer token. It is shown only once.")]


class ApiKeys(Schema):
    items: list[ApiKey]
