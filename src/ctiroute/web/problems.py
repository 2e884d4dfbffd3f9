"""Errors as RFC 9457 problem documents, and the one place where exceptions become answers. Knows no routes."""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import TYPE_CHECKING

import msgspec
from aiohttp import web

from ctiroute.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aiohttp.typedefs import Handler

log = logging.getLogger(__name__)

CONTENT_TYPE = "application/problem+json"


class Problem(Exception):  # noqa: N818 - an answer, named as RFC 9457 names it
    """A request that is answered with a problem document instead of what it asked for."""

    def __init__(
        self,
        status: HTTPStatus,
        kind: str,
        detail: str,
        headers: Mapping[str, str] | None = None,
        extra: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.kind = kind  # stable, for programs: the last part of `type`
        self.detail = detail  # for people; never why a sign-in failed
        self.headers = headers or {}
        self.extra = extra or {}  # further members of the document

    def response(self) -> web.Response:
        """Return the answer."""
        document = {
            "type": f"urn:ctiroute:problem:{self.kind}",
            "title": self.status.phrase,
            "status": int(self.status),
            "detail": self.detail,
            **self.extra,
        }
        return web.Response(status=self.status, body=msgspec.json.encode(document), content_type=CONTENT_TYPE, headers=self.headers)


def of_http(error: web.HTTPException) -> Problem:
    """Return what aiohttp raised by itself (404, 405, 413, ...) as a problem."""
    status = HTTPStatus(error.status)
    headers = {"Allow": error.headers["Allow"]} if "Allow" in error.headers else {}
    return Problem(status, status.phrase.lower().replace(" ", "-"), status.description or status.phrase, headers)


@web.middleware
async def problems(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn every error into a problem document; what is not expected is logged and named 500, with no detail."""
    try:
        return await handler(request)
    except Problem as problem:
        return problem.response()
    except web.HTTPException as error:
        return of_http(error).response()
    except StoreError as error:
        log.warning("%s %s: the store could not answer: %s", request.method, request.path, error)
        return Problem(HTTPStatus.SERVICE_UNAVAILABLE, "store-unavailable", "Try again in a moment.", {"Retry-After": "2"}).response()
    except Exception:
        log.exception("%s %s failed", request.method, request.path)
        return Problem(HTTPStatus.INTERNAL_SERVER_ERROR, "internal", "The request failed; the cause is in the log.").response()


def signed_out() -> Problem:
    """Return the answer to whoever has no session."""
    return Problem(HTTPStatus.UNAUTHORIZED, "signed-out", "Sign in first.")
