"""`/docs` and `/redoc`, with nothing from elsewhere: their scripts come from a package."""

import re
from base64 import b64encode
from hashlib import sha256
from html import escape
from importlib.resources import files
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.docs import get_redoc_html, get_swagger_ui_html
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.staticfiles import StaticFiles

ASSETS = "/docs/assets"
OPENAPI_URL = "/openapi.json"
REDOC_URL = "/redoc/redoc.js"


def add_docs(app: FastAPI) -> None:
    about: Any = {"openapi_url": OPENAPI_URL, "title": escape(app.title)}
    icon = f"{ASSETS}/favicon.png"
    app.mount(ASSETS, StaticFiles(packages=[("fastapi_offline", "static")]))
    swagger_ui = get_swagger_ui_html(
        **about,
        swagger_js_url=f"{ASSETS}/swagger-ui-bundle.js",
        swagger_css_url=f"{ASSETS}/swagger-ui.css",
        swagger_favicon_url=icon,
    )
    redoc = get_redoc_html(
        **about, redoc_js_url=REDOC_URL, redoc_favicon_url=icon, with_google_fonts=False
    )
    for path, page in (("/docs", swagger_ui), ("/redoc", redoc)):
        page.headers["Content-Security-Policy"] = policy(bytes(page.body))
        app.router.routes.append(Route(path, page, methods=["GET"]))
    app.router.routes.append(Route(REDOC_URL, redoc_script, methods=["GET"]))


def redoc_script(_: Request) -> Response:
    """Without the logo of its makers, which it has from their CDN; no option leaves it out."""
    script = files("fastapi_offline") / "static" / "redoc.standalone.js"
    offline = script.read_bytes().replace(b"https://cdn.redoc.ly/redoc/logo-mini.svg", b"data:,")
    return Response(offline, media_type="text/javascript")


def policy(page: bytes) -> str:
    """Runs the scripts that `page` has in itself, by their hashes, and those of this service."""
    inline = re.findall(rb"<script>(.*?)</script>", page, re.DOTALL)
    hashes = (f"'sha256-{b64encode(sha256(script).digest()).decode()}'" for script in inline)
    return (
        f"default-src 'none'; connect-src 'self'; script-src 'self' {' '.join(hashes)}; "
        "style-src 'self' 'unsafe-inline'; img-src 'self' data:; worker-src blob:; "
        "frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
    )
