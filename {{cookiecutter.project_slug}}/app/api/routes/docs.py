"""`/docs` and `/redoc`, without a CDN: their scripts come from a package."""

import re
from base64 import b64encode
from hashlib import sha256
from html import escape
from importlib.resources import files

from fastapi import FastAPI
from fastapi.openapi.docs import get_redoc_html, get_swagger_ui_html
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.staticfiles import StaticFiles

from app.api.paths import ASSETS, OPENAPI_URL, REDOC_URL


def add_docs(app: FastAPI) -> None:
    app.mount(ASSETS, StaticFiles(packages=[("fastapi_offline", "static")]))
    for path, page in (("/docs", swagger_ui), ("/redoc", redoc), (REDOC_URL, redoc_script)):
        app.router.routes.append(Route(path, page, methods=["GET"]))


def swagger_ui(request: Request) -> Response:
    root = request.scope["root_path"]
    page = get_swagger_ui_html(
        title=escape(request.app.title),
        openapi_url=root + OPENAPI_URL,
        swagger_js_url=f"{root}{ASSETS}/swagger-ui-bundle.js",
        swagger_css_url=f"{root}{ASSETS}/swagger-ui.css",
        swagger_favicon_url=f"{root}{ASSETS}/favicon.png",
    )
    page.headers["Content-Security-Policy"] = policy(bytes(page.body))
    return page


def redoc(request: Request) -> Response:
    root = request.scope["root_path"]
    page = get_redoc_html(
        title=escape(request.app.title),
        openapi_url=root + OPENAPI_URL,
        redoc_js_url=root + REDOC_URL,
        redoc_favicon_url=f"{root}{ASSETS}/favicon.png",
        with_google_fonts=False,
    )
    page.headers["Content-Security-Policy"] = policy(bytes(page.body))
    return page


def redoc_script(_: Request) -> Response:
    """Removes the vendor's logo, which would load from a CDN; no option disables it."""
    script = files("fastapi_offline") / "static" / "redoc.standalone.js"
    offline = script.read_bytes().replace(b"https://cdn.redoc.ly/redoc/logo-mini.svg", b"data:,")
    return Response(offline, media_type="text/javascript")


def policy(page: bytes) -> str:
    """Returns a policy that allows this service's scripts and, by hash, those inside of `page`."""
    inline = re.findall(rb"<script>(.*?)</script>", page, re.DOTALL)
    hashes = (f"'sha256-{b64encode(sha256(script).digest()).decode()}'" for script in inline)
    return (
        f"default-src 'none'; connect-src 'self'; script-src 'self' {' '.join(hashes)}; "
        "style-src 'self' 'unsafe-inline'; img-src 'self' data:; worker-src blob:; "
        "frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
    )
