"""The routes of sign-in as OpenAPI 3.1 paths: for pages of our own, and for who embeds them. They take a cookie, not a key."""

from __future__ import annotations

from typing import Any

from ctiroute.web.access import SessionView, SignIn, TicketSignIn
from ctiroute.web.api.openapi_parts import body

SCHEMAS = (SignIn, TicketSignIn, SessionView)
SECURITY = {"session": {"type": "apiKey", "in": "cookie", "name": "ctiroute", "description": "From a sign-in; see docs/reference/http.md."}}

_CHANGE = "Needs the page's own Origin, or one that is listed, and the header X-Ctiroute: 1."
_HEADER = {
    "name": "X-Ctiroute",
    "in": "header",
    "description": "No form of another site can send it.",
    "required": True,
    "schema": {"const": "1"},
}


def paths() -> dict[str, Any]:
    """Return the paths."""
    who = {"200": {"description": "Who it is.", "content": {"application/json": {"schema": {"$ref": "#/components/schemas/SessionView"}}}}}
    return {
        "/api/v1/session": {
            "get": {
                "operationId": "getSession",
                "summary": "Who is signed in",
                "security": [{"session": []}],
                "responses": who | _problems(401, 503),
            },
            "post": {
                "operationId": "signIn",
                "summary": "Sign in with a password",
                "description": _CHANGE,
                "security": [],
                "parameters": [_HEADER],
                "requestBody": body("SignIn", {"operator": "olena", "password": "correct horse battery"}),
                "responses": who | _problems(400, 401, 403, 408, 413, 415, 429, 503),
            },
            "delete": {
                "operationId": "signOut",
                "summary": "Sign out",
                "description": f"Signing out twice is no error. {_CHANGE}",
                "security": [{"session": []}],
                "parameters": [_HEADER],
                "responses": {"204": {"description": "Signed out."}} | _problems(403, 503),
            },
        },
        "/api/v1/session/ticket": {
            "post": {
                "operationId": "signInByTicket",
                "summary": "Sign in with a one-time ticket",
                "description": _CHANGE,
                "security": [],
                "parameters": [_HEADER],
                "requestBody": body("TicketSignIn", {"ticket": "from-the-link"}),
                "responses": who | _problems(400, 401, 403, 408, 413, 415, 429, 503),
            }
        },
    }


def _problems(*statuses: int) -> dict[str, Any]:
    return {str(status): {"$ref": "#/components/responses/Problem"} for status in statuses}
