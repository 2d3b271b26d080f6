"""Paths of this service that are not about its resources, and which paths need no token."""

from starlette.types import Scope

# Orchestrators and Prometheus have neither a token nor one of the names in ALLOWED_HOSTS.
METRICS = "/metrics"
PROBES = ("/livez", "/readyz", METRICS)
OPENAPI_URL = "/openapi.json"
REDOC_URL = "/redoc/redoc.js"
ASSETS = "/docs/assets"
DOCS = ("/docs", "/redoc", REDOC_URL, OPENAPI_URL, f"{ASSETS}/")

# Whose Authorization header is not even looked at: probes answer while the issuer does not.
UNCHECKED = PROBES
# What asks for no token; everything else does once authentication is configured. A path that ends
# with a slash stands for all that begin with it.
OPEN = (*PROBES, *DOCS)

# Bytes that the body of a request to these paths, and to those below, may have, where MAX_BODY_BYTES
# is not enough: {"/v1/files": 50_000_000}.
BODY_LIMITS: dict[str, int] = {}


def route_path(scope: Scope) -> str:
    """The path that routes are matched with: the server puts ROOT_PATH before that of the request."""
    path: str = scope["path"]
    root: str = scope.get("root_path", "")
    return path.removeprefix(root) if path.startswith(f"{root}/") else path


def is_open(path: str) -> bool:
    return any(path.startswith(open_) if open_.endswith("/") else path == open_ for open_ in OPEN)
