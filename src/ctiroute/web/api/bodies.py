"""JSON in and out of the API: bodies decoded within bounds, answers, revisions in headers. Knows no routes."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, TypeVar

import msgspec
from aiohttp import web

from ctiroute.web.api.body import received
from ctiroute.web.problems import Problem

if TYPE_CHECKING:
    from ctiroute.web.limits import WebLimits

T = TypeVar("T")

_ETAG = re.compile(r'(?:W/)?"([1-9][0-9]{0,9})"', re.ASCII)
_NUMBER = re.compile(r"[0-9]{1,9}", re.ASCII)


async def decoded(request: web.Request, limits: WebLimits, kind: type[T]) -> T:
    """Return the body of a request. Raises `Problem` 400, 408, 413, 415 or 422."""
    if request.content_type != "application/json":
        raise Problem(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "not-json", "Send application/json.")
    async with received(request, replace(limits, import_bytes=limits.json_bytes)) as body:
        return parsed(body.read(), kind)


def parsed(data: bytes, kind: type[T]) -> T:
    """Return what JSON says. Raises `Problem` 400 when it is none, 422 when it is not what is asked for."""
    try:
        return msgspec.json.decode(data, type=kind)
    except msgspec.ValidationError as error:
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "wrong-body", f"The body is not what is asked for: {error}.") from None
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise Problem(HTTPStatus.BAD_REQUEST, "bad-body", f"The body cannot be read: {error}.") from None


def in_utc(at: datetime) -> datetime:
    """Return a time of a body in UTC. Raises `Problem` 422 for one that is out of all bounds there."""
    try:
        return at.astimezone(UTC)
    except OverflowError:
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "wrong-body", "A time is out of all bounds.") from None


def if_match(request: web.Request) -> int | None:
    """Return the revision that the header If-Match asks for; None: it asks for none. Raises `Problem` 400."""
    header = request.headers.get("If-Match")
    if header is None or header.strip() == "*":
        return None
    found = _ETAG.fullmatch(header.strip())
    if found is None:
        raise Problem(HTTPStatus.BAD_REQUEST, "bad-revision", 'If-Match is a revision in quotes: "3".')
    return int(found[1])


def number(request: web.Request, name: str, default: int, most: int) -> int:
    """Return a number of the query from 1 to `most`. Raises `Problem` 400."""
    asked = request.query.get(name)
    if asked is None:
        return default
    if _NUMBER.fullmatch(asked) is None or not 1 <= int(asked) <= most:
        raise Problem(HTTPStatus.BAD_REQUEST, "bad-query", f"{name} is a number from 1 to {most}.")
    return int(asked)


def answer(body: object, status: HTTPStatus = HTTPStatus.OK, revision: int | None = None) -> web.Response:
    """Return a JSON answer, with the revision it shows as its ETag."""
    headers = {} if revision is None else {"ETag": f'"{revision}"'}
    return web.Response(body=msgspec.json.encode(body), content_type="application/json", status=status, headers=headers)
