"""One attempt to deliver: a POST with a signature, and what its answer means. Knows HTTP; knows neither store nor retries.

Everything a receiver may do is bounded: time as a whole, the headers it may answer with (128 of 8 KiB), and of its body no more is read
than an error message needs. It is asked at the address of the settings and nowhere else: no redirection is followed, no proxy of the
environment used, no cookie kept.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from enum import Enum
from http import HTTPStatus
from typing import TYPE_CHECKING

import aiohttp

from ctiroute import __version__
from ctiroute.connectors.announce.signature import ATTEMPT_HEADER, EVENT_HEADER, HEADER, ID_HEADER, sign

if TYPE_CHECKING:
    from datetime import datetime

    from ctiroute.model import Delivery
    from ctiroute.settings import WebhookSettings

MAX_WAIT_S = 3600.0  # of what a receiver may ask for: it shall not put its events off for ever
CONNECTIONS = 8  # to one receiver at a time

_READ = 2048  # bytes of an answer: enough for its first words
_WORDS = 160  # characters of it that are kept
# The body is wrong in the receiver's eyes, and will be tomorrow. Others of 4xx are mended on its side: a path, a right, a limit.
REFUSED = frozenset({400, 405, 406, 410, 411, 413, 414, 415, 422, 426, 431, 451})


class Verdict(Enum):
    """What an attempt came to."""

    TAKEN = "taken"
    REFUSED = "refused"  # trying again will not help
    AWAY = "away"  # later may work


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of one attempt."""

    verdict: Verdict
    status: int | None = None  # None: there was no answer
    error: str = ""
    wait_s: float | None = None  # the receiver asked to be left alone for so long


def open_session(timeout_s: float) -> aiohttp.ClientSession:
    """Return a session for one receiver. To be called in the event loop, and closed."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=CONNECTIONS),
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=timeout_s),
        headers={"User-Agent": f"ctiroute/{__version__}", "Content-Type": "application/json"},
        auto_decompress=False,
        read_bufsize=_READ,
    )


async def send(session: aiohttp.ClientSession, webhook: WebhookSettings, delivery: Delivery, now: datetime) -> Answer:
    """Try once. Never raises but when it is cancelled."""
    headers = {
        HEADER: sign(webhook.secret, int(now.timestamp()), delivery.body),
        EVENT_HEADER: delivery.kind,
        ID_HEADER: _header(delivery.event_id),
        ATTEMPT_HEADER: str(delivery.attempts + 1),
    }
    try:
        async with session.post(webhook.url, data=delivery.body, headers=headers, allow_redirects=False) as response:
            return await _judge(response, now)
    except TimeoutError:
        return Answer(Verdict.AWAY, error=f"no answer in {webhook.timeout_s:g} s")
    except (aiohttp.ClientError, OSError, ValueError) as error:
        return Answer(Verdict.AWAY, error=_words(_fault(error)))


async def _judge(response: aiohttp.ClientResponse, now: datetime) -> Answer:
    status = response.status
    if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        if not response.content.at_eof():
            response.close()  # whatever it says besides, and however much of it there is
        return Answer(Verdict.TAKEN, status)
    if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
        said = "redirections are not followed: put the address itself into url"
    else:
        said = await _first_words(response)
    response.close()
    error = f"{status} {response.reason or ''}".strip()
    return Answer(
        Verdict.REFUSED if status in REFUSED else Verdict.AWAY,
        status,
        _words(f"{error}: {said}" if said else error),
        wait_of(response.headers.get("Retry-After", ""), now),
    )


def wait_of(header: str, now: datetime) -> float | None:
    """Return for how many seconds a Retry-After (RFC 9110 10.2.3) asks, within bounds; None: it does not, or not in its form."""
    if header.isascii() and header.isdigit() and len(header) < 10:  # noqa: PLR2004 - thirty years
        return min(float(header), MAX_WAIT_S)
    try:
        at = parsedate_to_datetime(header)
        return min(max(0.0, (at - now).total_seconds()), MAX_WAIT_S)
    except (ValueError, TypeError, OverflowError):
        return None


async def _first_words(response: aiohttp.ClientResponse) -> str:
    try:
        async with asyncio.timeout(1.0):  # it has answered: what it says besides is worth no longer wait
            return (await response.content.read(_READ)).decode("utf-8", "replace")
    except (TimeoutError, aiohttp.ClientError):
        return ""


def _fault(error: Exception) -> str:
    """Return what went wrong, without the address: what stands behind the host may be as good as a password."""
    if isinstance(error, aiohttp.ClientResponseError):
        return f"not HTTP: {error.message}"
    if isinstance(error, aiohttp.InvalidURL):
        return "the url cannot be used"
    return f"{type(error).__name__}: {error}"


def _words(text: str) -> str:
    """Return text for a list and a log: one line, nothing that moves a cursor."""
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())[:_WORDS]


def _header(value: str) -> str:
    """Return an id as a header may hold it; the body holds it whole."""
    return "".join(char if " " < char <= "~" else "?" for char in value)[:200]
