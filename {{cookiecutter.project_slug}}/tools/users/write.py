"""Users: the files and lines that `make users` writes."""

from pathlib import Path

from tools.parts import Part
from tools.resource.register import IMPORTS, Line

DEPENDENCIES = ("pwdlib[argon2]>=0.3,<0.4", "python-multipart>=0.0.31,<0.1")

PATHS = """
# Paths that issue or revoke tokens: clients may send them with an expired token.
LOGIN = ("/v1/auth/register", "/v1/auth/login", "/v1/auth/refresh", "/v1/auth/logout")
"""
VERIFIER = """    if settings.auth == "own":
        return [Middleware(Authentication, AccessTokens(settings), settings)]
"""
ROUTER = """    if settings.auth == "own":
        app.bearer = users.SCHEME
        app.include_router(users.router)
"""
MODE = """

def _auth_for(data: dict[str, Any]) -> Literal["own"] | None:
    return None if data.get("auth_jwks_url") else "own"
"""
AUTH = 'Annotated[Literal["none", "own"] | None, Lower] = Field(default_factory=_auth_for)'
FIELDS = """    # The key that signs access tokens, and previous keys whose tokens are still valid.
    auth_secret_key: SecretKey = SecretStr(DEVELOPMENT_KEY)
    auth_secret_key_fallbacks: Annotated[tuple[SecretKey, ...], NoDecode, Listed] = ()
"""
CHECK = """        is_public = self.auth_secret_key.get_secret_value() == DEVELOPMENT_KEY
        if self.app_env == "production" and self.auth == "own" and is_public:
            raise ValueError(
                "In production set AUTH_SECRET_KEY, for instance to what openssl rand -base64 32 "
                "prints; or AUTH_JWKS_URL and AUTH_AUDIENCE, or AUTH=none."
            )
"""
KEY = """
DEVELOPMENT_KEY = "for development only: everybody knows this key, set another"
# https://www.rfc-editor.org/rfc/rfc7518#section-3.2
SecretKey = Annotated[SecretStr, Field(min_length=32)]
"""
ROWS = """\
| `AUTH` | `own`, without `AUTH_JWKS_URL` | `own` for users of this service; `none` disables authentication |
| `AUTH_SECRET_KEY` | a public one | signs access tokens: at least 32 characters, the same for all replicas; production requires your own |
| `AUTH_SECRET_KEY_FALLBACKS` | none | previous keys, separated by commas, whose tokens are still valid |
"""
LINES: dict[str, list[Line]] = {
    "app/main.py": [
        ("from app.api.access_tokens import AccessTokens\n", IMPORTS),
        ("from app.api.routes import users\n", IMPORTS),
        (VERIFIER, r"^def authentication\(.*\n(    if .*\n(        .*\n|\n)*)?"),
        (ROUTER, r"^(    app\.include_router\(.*\n)+"),
    ],
    "app/settings.py": [
        (KEY, r"^Seconds = .*\n"),
        (MODE, r"^def _drain_for\(.*\n    return .*\n"),
        (AUTH, r'^    auth: (?P<old>Annotated\[Literal\["none"\] \| None, Lower\] = None)$'),
        (FIELDS, r"^    auth: .*\n"),
        (' or self.auth == "own"', r"^        return self\.auth_jwks_url is not None"),
        (CHECK, r'^    def check_auth\(.*\n        """.*\n(?P<old>(        .*\n)+)'),
    ],
    "app/api/paths.py": [
        (PATHS, r"^DOCS = .*\n"),
        ("(*PROBES, *LOGIN)", r"^UNCHECKED = (?P<old>PROBES)$"),
        (", *LOGIN", r"^OPEN = \(\*PROBES, \*DOCS"),
    ],
    "app/db/tables/__init__.py": [
        ('"ApiKeyTable", "AttemptTable", "LoginTable", "UserTable", ', r"^__all__ = \[\s*"),
        (
            "from app.db.tables.users import ApiKeyTable, AttemptTable, LoginTable, UserTable\n",
            IMPORTS,
        ),
    ],
}
# Files that a team may have deleted or rewritten.
OPTIONAL: dict[str, list[Line]] = {
    "docs/settings.md": [(ROWS, r"^(?P<old>\| `AUTH` \| not set \|.*\n)")],
    ".env.example": [
        ("# AUTH_SECRET_KEY=\n# AUTH_SECRET_KEY_FALLBACKS=\n", r"^# AUTH=.*\n"),
    ],
    "compose.yaml": [
        ("    AUTH_SECRET_KEY:\n    AUTH_SECRET_KEY_FALLBACKS:\n", r"^    AUTH_ALGORITHM:\n"),
    ],
}

USERS = Part(
    templates=Path(__file__).parent / "templates",
    revision="create_users",
    lines=LINES,
    optional=OPTIONAL,
    dependencies=DEPENDENCIES,
)
