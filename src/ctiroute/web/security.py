"""Who may talk to us from a browser, and what a browser may do with our pages. Knows no operators and no passwords.

Origins are compared whole (scheme, host, port): a prefix or suffix match is how such checks are usually broken. The page's own origin is
that of the Host header, which is believed only where the host is known to be ours: a stranger's name that was made to point at this
address (DNS rebinding) comes with a Host and an Origin that agree.
"""

from __future__ import annotations

from http import HTTPStatus
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from ctiroute.web.problems import Problem

if TYPE_CHECKING:
    from aiohttp import web

    from ctiroute.settings.model import WebSettings

LOOPBACK_HOSTS = frozenset({"127.0.0.1", "localhost", "::1"})  # never a stranger's: browsers do not ask the network for localhost
CSRF_HEADER = "X-Ctiroute"  # a form or a simple cross-origin request cannot set it; the value is "1"

# Lit makes its templates through a Trusted Types policy named lit-html. Styles are constructed sheets, which no directive limits.
_CSP = (
    "default-src 'self'",
    "img-src 'self' data:",
    "object-src 'none'",
    "base-uri 'none'",
    "form-action 'self'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types lit-html",
)
HEADERS = {
    "Content-Security-Policy": "; ".join(_CSP),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Referrer-Policy": "no-referrer",
    "Server": "ctiroute",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",  # for browsers that do not know frame-ancestors
}


async def add_headers(_request: web.Request, response: web.StreamResponse) -> None:
    """Put the security headers on every answer, files and the websocket's handshake included (signal on_response_prepare)."""
    for name, value in HEADERS.items():
        response.headers[name] = value
    response.headers.setdefault("Cache-Control", "no-store")


class Gate:
    """Decides by origin and by address."""

    def __init__(self, settings: WebSettings) -> None:
        self._origins = frozenset(settings.origins)
        self._secure = settings.secure_cookie
        self._own_hosts = _own_hosts(settings)
        # Bound to every address, so every address is ours. One that is written in digits is not looked up, so it cannot be rebound.
        self._any_address = settings.host in {"", "0.0.0.0", "::"}
        self._proxies = tuple(ip_network(network, strict=False) for network in settings.trusted_proxies)

    def check_origin(self, request: web.Request) -> None:
        """Raise `Problem` 403 unless the request comes from our own page or from a listed origin. No origin is no permission."""
        origins = request.headers.getall("Origin", [])
        if len(origins) != 1 or (origins[0] not in self._origins and not self._is_own(origins[0], request)):
            raise Problem(HTTPStatus.FORBIDDEN, "origin", "This origin may not talk to ctiroute; web.origins lists those that may.")

    def check_change(self, request: web.Request) -> None:
        """Raise `Problem` 403 unless a request that changes something comes from our own script on an allowed page."""
        self.check_origin(request)
        if request.headers.get(CSRF_HEADER) != "1":
            raise Problem(HTTPStatus.FORBIDDEN, "csrf", f"Changes need the header {CSRF_HEADER}: 1.")

    def address(self, request: web.Request) -> str:
        """Return the client's address: the peer's, or what a trusted proxy says it is."""
        address = request.remote or ""
        # Read from the right: each proxy appends what it saw, and what stands left of the first stranger is his invention.
        for claimed in reversed(",".join(request.headers.getall("X-Forwarded-For", [])).split(",")):
            if not self._is_proxy(address):
                break
            try:
                address = str(ip_address(claimed.strip()))
            except ValueError:
                break
        return address

    def _is_own(self, origin: str, request: web.Request) -> bool:
        host = request.headers.get("Host", "")
        scheme = "https" if self._secure else request.scheme
        return origin == f"{scheme}://{host}" and self._is_own_host(_host_name(f"//{host}"))

    def _is_own_host(self, name: str) -> bool:
        return name in self._own_hosts or (self._any_address and _is_address(name))

    def _is_proxy(self, address: str) -> bool:
        try:
            parsed = ip_address(address)
        except ValueError:
            return False
        return any(parsed in network for network in self._proxies)


def _own_hosts(settings: WebSettings) -> frozenset[str]:
    """Return the names under which the page may be opened: this machine's and, unless only it can connect, those of the settings."""
    bound = settings.host.lower()
    if bound == "localhost" or (_is_address(bound) and ip_address(bound).is_loopback):
        return LOOPBACK_HOSTS
    return LOOPBACK_HOSTS | {bound} | {_host_name(origin) for origin in settings.origins}


def _host_name(url: str) -> str:
    """Return the host of a URL in lower case, without port and brackets; "" when there is none."""
    try:
        return urlsplit(url).hostname or ""
    except ValueError:  # half a bracket
        return ""


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True
