"""Paths of probes and documentation, paths that need no token, and limits by path."""

from starlette.types import Scope

# Orchestrators and Prometheus send neither a token nor a host of ALLOWED_HOSTS.
METRICS = "/metrics"
PROBES = ("/livez", "/readyz", METRICS)
OPENAPI_URL = "/openapi.json"
REDOC_URL = "/redoc/redoc.js"
ASSETS = "/docs/assets"
DOCS = ("/docs", "/redoc", REDOC_URL, OPENAPI_URL, f"{ASSETS}/")

# The Authorization header is ignored here: probes must work while the issuer is down.
UNCHECKED = PROBES
# The only paths that need no token once authentication is configured. A path that ends with a slash
# includes all paths that start with it.
OPEN = (*PROBES, *DOCS)

# Maximum size in bytes of request bodies to these paths and their subpaths, where MAX_BODY_BYTES is
# too small: {"/v1/files": 50_000_000}.
BODY_LIMITS: dict[str, int] = {}


def route_path(scope: Scope) -> str:
    """Returns the path to match routes with: without ROOT_PATH, which the server prepends."""
    path: str = scope["path"]
    root: str = scope.get("root_path", "")
    return path.removeprefix(root) if path.startswith(f"{root}/") else path


def is_open(path: str) -> bool:
    return any(path.startswith(open_) if open_.endswith("/") else path == open_ for open_ in OPEN)
