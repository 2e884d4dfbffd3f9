"""The built page and its files. Knows nothing of sessions: everything here is public, all data comes over the websocket."""

from __future__ import annotations

import re
from http import HTTPStatus
from pathlib import Path

from aiohttp import web

STATIC = Path(__file__).parent / "static"

# esbuild puts eight characters of base 32 of the content's hash before the suffix: such a file never changes.
_HASHED = re.compile(r"-[A-Z2-7]{8}\.[a-z0-9]+(\.map)?$")
_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,120}")

# Our own table: the machine's may name a script text/plain, and with nosniff a browser would not run it.
_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".map": "application/json",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".woff2": "font/woff2",
}

_NOT_BUILT = """ctiroute runs, but its page is not built, so there is nothing to show here. Calls are routed all the same.

In a source tree:   python hatch_build.py     (pip install -e . does the same)
From a package:     reinstall it; a wheel brings the page with it
"""


class Pages:
    """Serves / and /static/."""

    def __init__(self, folder: Path = STATIC) -> None:
        self._folder = folder

    async def index(self, _request: web.Request) -> web.StreamResponse:
        """Return the operator's page, or how to build it."""
        page = self._folder / "index.html"
        if not page.is_file():
            return web.Response(status=HTTPStatus.SERVICE_UNAVAILABLE, text=_NOT_BUILT)
        return _file(page, "no-cache")

    async def static(self, request: web.Request) -> web.StreamResponse:
        """Return one file of the folder itself; there are no folders below it."""
        name = request.match_info["name"]
        path = self._folder / name
        if not _NAME.fullmatch(name) or not path.is_file():
            raise web.HTTPNotFound
        caching = "public, max-age=31536000, immutable" if _HASHED.search(name) else "no-cache"
        return _file(path, caching)


def _file(path: Path, caching: str) -> web.FileResponse:
    return web.FileResponse(path, headers={"Cache-Control": caching, "Content-Type": _TYPES.get(path.suffix, "application/octet-stream")})
