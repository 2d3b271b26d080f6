from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from app.schemas.base import Text


class User(BaseModel):
    """An authenticated user: the subject of a verified token."""

    model_config = ConfigDict(frozen=True)

    subject: Annotated[Text, Field(min_length=1, max_length=255)]
    """`sub`: the issuer's permanent identifier for this user, at most 255 characters.

    https://openid.net/specs/openid-connect-core-1_0.html#IDToken
    """
    roles: frozenset[str] = frozenset()
    """The roles that `app.api.users.requires` checks, from the claim AUTH_ROLES_CLAIM."""
    claims: dict[str, Any]
    """All claims of the token, unchanged."""
