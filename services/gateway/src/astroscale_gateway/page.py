"""The web page and the API's documentation page, both from files of our own: nothing is fetched from elsewhere."""

import base64
import hashlib
import importlib.resources
import re
from pathlib import Path
from typing import Final

from fastapi import FastAPI, Request
from fastapi.openapi.docs import get_swagger_ui_html
from starlette.exceptions import HTTPException
from starlette.responses import FileResponse, HTMLResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from astroscale_gateway import errors

_POLICY: Final = (
    "default-src 'self'; script-src 'self'{scripts}; style-src 'self'{styles}; style-src-attr 'unsafe-inline'; "
    "img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
PAGE_POLICY: Final = _POLICY.format(scripts="", styles="")
_FOR_EVER: Final = "public, max-age=31536000, immutable"
_NOT_BUILT: Final = """<!doctype html><html lang="en"><meta charset="utf-8"><title>AstroScale</title>
<h1>The page is not built</h1><p>Build it with <code>make setup</code> and load this address again.
The API works without it: see <a href="/docs">/docs</a>.</p></html>"""


class _Assets(StaticFiles):
    """Files whose names hold the hash of their content. The folder may come later: the page can be built any time."""

    async def check_config(self) -> None:
        """Nothing: a folder that is not there has no files."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        if response.status_code == 200:
            response.headers["cache-control"] = _FOR_EVER
        return response


def add_page(app: FastAPI, folder: Path) -> None:
    """`/`, `/assets/*` and the few files beside the index (icons)."""

    async def index(request: Request) -> Response:
        file = folder / "index.html"
        if file.is_file():
            return FileResponse(
                file,
                media_type="text/html; charset=utf-8",
                headers={"cache-control": "no-cache", "content-security-policy": PAGE_POLICY},
            )
        if "text/html" in request.headers.get("accept", ""):
            return HTMLResponse(_NOT_BUILT, 404, headers={"content-security-policy": PAGE_POLICY})
        missing = errors.AstroScaleError("page_not_built", "the page is not built (make setup); the API is at /docs")
        return errors.response(missing, request.state.request_id)

    async def beside(request: Request) -> Response:
        file = folder / request.url.path.removeprefix("/")
        if not file.is_file():
            raise HTTPException(404)
        return FileResponse(file, headers={"cache-control": "public, max-age=3600"})

    app.add_route("/", index, methods=["GET"], include_in_schema=False)
    found = {f"/{file.name}" for file in folder.glob("*.*") if file.is_file() and file.name != "index.html"}
    for path in sorted(found | {"/favicon.svg"}):
        app.add_route(path, beside, methods=["GET"], include_in_schema=False)
    app.mount("/assets", _Assets(directory=folder / "assets", check_dir=False), name="assets")


def add_docs(app: FastAPI) -> None:
    """`/docs`: Swagger UI."""
    files = importlib.resources.files("fastapi_offline") / "static"
    html = bytes(
        get_swagger_ui_html(
            openapi_url="/openapi.json",
            title="AstroScale API",
            swagger_js_url="/docs/assets/swagger-ui-bundle.js",
            swagger_css_url="/docs/assets/swagger-ui.css",
            swagger_favicon_url="/favicon.svg",
        ).body
    )
    scripts = "".join(f" '{_hash(script)}'" for script in re.findall(rb"<script>(.*?)</script>", html, re.DOTALL))
    policy = _POLICY.format(scripts=scripts, styles=" 'unsafe-inline'")

    async def docs(_request: Request) -> Response:
        return HTMLResponse(html, headers={"content-security-policy": policy})

    app.add_route("/docs", docs, methods=["GET"], include_in_schema=False)
    app.mount("/docs/assets", StaticFiles(directory=str(files)), name="docs-assets")


def _hash(script: bytes) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(script).digest()).decode()}"
