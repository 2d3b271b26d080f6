from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from app.schemas.base import Text


class User(BaseModel):
    """The bearer of a token that has been verified."""

    model_config = ConfigDict(frozen=True)

    subject: Annotated[Text, Field(min_length=1, max_length=255)]
    """`sub`: the issuer's identifier of this user, at most 255 characters that never change.

    https://openid.net/specs/openid-connect-core-1_0.html#IDToken
    """
    roles: frozenset[str] = frozenset()
    """What `app.api.users.requires` looks for: the claim that AUTH_ROLES_CLAIM names."""
    claims: dict[str, Any]
    """All claims of the token, as its issuer wrote them."""
