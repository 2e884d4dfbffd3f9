"""Touches and their receipts: /api/v1/campaigns/{key}/touches, /api/v1/touches/... ."""

from __future__ import annotations

import asyncio
import logging
from contextlib import asynccontextmanager
from datetime import UTC
from http import HTTPStatus
from typing import IO, TYPE_CHECKING
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
from aiohttp import web

from ctiroute.errors import ImportRefused
from ctiroute.model import Medium, Receipt, Scope, TouchStatus
from ctiroute.store.importing import ImportOptions, external_touch_id, import_touches, number_reader
from ctiroute.web.api.body import received
from ctiroute.web.api.wire import ReceiptLine, ReceiptsTaken, Reject, TouchesTaken, TouchProgress
from ctiroute.web.problems import Problem

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from datetime import datetime

    from ctiroute.model import ApiKey
    from ctiroute.store.base import Store
    from ctiroute.web.api.keys import ApiKeys
    from ctiroute.web.limits import WebLimits

log = logging.getLogger(__name__)

_CSV = "text/csv"
_NDJSON = frozenset({"application/x-ndjson", "application/ndjson", "application/jsonl"})
_FIRST = 20  # refused lines that are told
_LINE = 16 * 1024  # bytes of one receipt; real ones are under 300
_KEY = 200  # characters of a campaign's key
_BATCH = 500  # touches a transaction: making them ready takes the loop, which calls wait for, a millisecond
_RECEIPTS = 500  # a transaction
_AT_ONCE = 500  # lines, empty and bad ones too, read before calls get their turn again: a millisecond


class Touches:
    """Serves the routes of touches."""

    def __init__(self, store: Store, keys: ApiKeys, clock: Callable[[], datetime], limits: WebLimits, region: str) -> None:
        self._store = store
        self._keys = keys
        self._clock = clock
        self._limits = limits
        self._region = region
        self._at_once = 0
        number_reader(region)  # takes 0.2 s the first time: now, and not while calls wait

    async def add(self, request: web.Request) -> web.Response:
        """POST /api/v1/campaigns/{key}/touches: take CSV or NDJSON; every row is checked before the first is kept."""
        key = await self._keys.admit(request, Scope.TOUCHES)
        options = self._options(request)
        async with self._turn(), received(request, self._limits) as body:
            try:
                result = await import_touches(body, self._store, self._region, self._clock(), options)
            except ImportRefused as refused:
                log.info("audit: API key %s (%s) sent touches of %s: refused", key.key_id, key.name, options.campaign)
                rejects = [Reject(*reject) for reject in refused.rejects]
                raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "refused", f"{refused}", extra={"rejects": rejects}) from None
        _audit(key, f"sent touches of {options.campaign}", read=result.read, added=result.added, rejected=result.rejected)
        rejects = [Reject(*reject) for reject in result.first_rejects]
        return _json(TouchesTaken(result.read, result.added, result.updated, result.rejected, rejects))

    async def progress(self, request: web.Request) -> web.Response:
        """PATCH /api/v1/touches/{touch_id}: note how far one touch got."""
        key = await self._keys.admit(request, Scope.RECEIPTS)
        if request.content_type != "application/json":
            raise Problem(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "not-json", "Send application/json.")
        try:
            async with asyncio.timeout(self._limits.body_s):
                body = msgspec.json.decode(await request.read(), type=TouchProgress)
        except TimeoutError:
            raise Problem(HTTPStatus.REQUEST_TIMEOUT, "slow-body", "The body took too long.") from None
        except (msgspec.DecodeError, UnicodeError) as error:
            raise Problem(HTTPStatus.BAD_REQUEST, "bad-body", f"The body cannot be read: {error}.") from None
        touch_id = request.match_info["touch_id"]
        if await self._store.add_receipts([Receipt(touch_id, TouchStatus(body.status), body.at.astimezone(UTC))]):
            raise Problem(HTTPStatus.NOT_FOUND, "no-such-touch", "There is no touch of this id.")
        _audit(key, "sent a receipt", applied=1)
        return web.Response(status=HTTPStatus.NO_CONTENT)

    async def receipts(self, request: web.Request) -> web.Response:
        """POST /api/v1/touches/receipts: note how far many touches got; each line stands for itself."""
        key = await self._keys.admit(request, Scope.RECEIPTS)
        if request.content_type not in _NDJSON:
            raise Problem(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "not-ndjson", "Send application/x-ndjson.")
        async with self._turn(), received(request, self._limits) as body:
            taken = await self._note(body)
        _audit(key, "sent receipts", read=taken.read, applied=taken.applied, rejected=taken.rejected, unknown=taken.unknown)
        return _json(taken)

    async def _note(self, body: IO[bytes]) -> ReceiptsTaken:
        read = applied = unknown = rejected = 0
        rejects: list[Reject] = []
        batch: list[tuple[int, Receipt]] = []

        async def write() -> None:
            nonlocal applied, unknown
            missing = await self._store.add_receipts([receipt for _, receipt in batch])
            lost = [line for line, receipt in batch if receipt.touch_id in missing]
            applied, unknown = applied + len(batch) - len(lost), unknown + len(lost)
            rejects.extend(Reject(line, "", "there is no such touch") for line in lost[: _FIRST - len(rejects)])
            batch.clear()

        async for number, line in _lines(body):
            read += 1
            if read > self._limits.import_rows:
                raise Problem(
                    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                    "too-many-rows",
                    f"Over {self._limits.import_rows} lines: those before line {number} are noted; send the rest apart.",
                )
            try:
                batch.append((number, _receipt(line)))
            except (msgspec.DecodeError, UnicodeError, ValueError) as error:
                rejected += 1
                if len(rejects) < _FIRST:
                    rejects.append(Reject(number, "", str(error)))
            if len(batch) >= _RECEIPTS:
                await write()
        if batch:
            await write()
        return ReceiptsTaken(read, applied, unknown, rejected, sorted(rejects, key=lambda reject: reject.line))

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        """Few bodies are taken at once: calls go first."""
        if self._at_once >= self._limits.imports:
            raise Problem(HTTPStatus.SERVICE_UNAVAILABLE, "busy", "Others import just now; try again in a moment.", {"Retry-After": "2"})
        self._at_once += 1
        try:
            yield
        finally:
            self._at_once -= 1

    def _options(self, request: web.Request) -> ImportOptions:
        campaign, asked = request.match_info["key"], request.query
        if request.content_type not in {_CSV, *_NDJSON}:
            raise Problem(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "not-rows", "Send text/csv or application/x-ndjson.")
        if len(campaign) > _KEY or not campaign.isprintable():
            raise Problem(HTTPStatus.BAD_REQUEST, "bad-campaign", f"A campaign is at most {_KEY} characters that can be printed.")
        try:
            return ImportOptions(
                campaign=campaign,
                only_campaign=True,
                medium=Medium(asked.get("medium", Medium.SMS.value)),
                timezone=ZoneInfo(asked.get("timezone", "UTC")),
                encoding=request.charset,
                json=request.content_type in _NDJSON,
                max_rejects=int(asked.get("max_rejects", "100")),
                max_rows=self._limits.import_rows,
                batch_rows=_BATCH,
            )
        except (ValueError, ZoneInfoNotFoundError, OSError):
            raise Problem(HTTPStatus.BAD_REQUEST, "bad-query", "medium, timezone or max_rejects cannot be read.") from None


async def _lines(body: IO[bytes]) -> AsyncIterator[tuple[int, bytes]]:
    """Yield lines that are not empty, with their numbers; of one that is too long only so much that this can be seen."""
    number = 0
    while line := body.readline(_LINE + 1):
        number += 1
        if number % _AT_ONCE == 0:
            await asyncio.sleep(0)
        part = line
        while len(part) > _LINE and not part.endswith(b"\n"):
            part = body.readline(_LINE + 1)
            await asyncio.sleep(0)
        if line.strip():
            yield number, line


def _receipt(line: bytes) -> Receipt:
    if len(line) > _LINE:
        raise ValueError("is too long")
    body = msgspec.json.decode(line, type=ReceiptLine)
    if body.touch_id is not None and body.external_id is None:
        touch_id = body.touch_id
    elif body.touch_id is None and body.campaign is not None and body.external_id is not None:
        touch_id = external_touch_id(body.campaign, body.external_id)
    else:
        raise ValueError("names no touch: give touch_id, or campaign and external_id")
    return Receipt(touch_id, TouchStatus(body.status), body.at.astimezone(UTC))


def _audit(key: ApiKey, what: str, **counts: int) -> None:
    log.info("audit: API key %s (%s) %s: %s", key.key_id, key.name, what, ", ".join(f"{count} {name}" for name, count in counts.items()))


def _json(body: object) -> web.Response:
    return web.Response(body=msgspec.json.encode(body), content_type="application/json")
