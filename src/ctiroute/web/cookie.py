"""The session cookie: the one place where its name and its attributes stand."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import timedelta

    from aiohttp import web

    from ctiroute.settings.model import WebSettings


class SessionCookie:
    """Reads and writes the token in the browser.

    HttpOnly: no script reads it. SameSite=Strict: no other site's request carries it; the page itself is public and asks for its
    session by a request of its own, so a link from a CRM still opens signed in.
    """

    def __init__(self, settings: WebSettings) -> None:
        self._secure = settings.secure_cookie
        # With the prefix a browser refuses the cookie from anything but this very host over TLS (RFC 6265bis 4.1.3.2).
        self._name = "__Host-ctiroute" if self._secure else "ctiroute"

    def read(self, request: web.BaseRequest) -> str | None:
        """Return the token that came with a request, or None."""
        return request.cookies.get(self._name)

    def write(self, response: web.Response, token: str, lifetime: timedelta) -> None:
        """Give the browser a token."""
        response.set_cookie(
            self._name, token, max_age=int(lifetime.total_seconds()), path="/", httponly=True, samesite="Strict", secure=self._secure
        )

    def clear(self, response: web.Response) -> None:
        """Take the token back."""
        response.del_cookie(self._name, path="/", httponly=True, samesite="Strict", secure=self._secure)
