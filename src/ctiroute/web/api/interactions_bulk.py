"""Many interactions in one body, as a JSON array or as JSON lines: each stands for itself, and each is told what became of it."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from http import HTTPStatus
from typing import TYPE_CHECKING

import msgspec
from aiohttp import web

from ctiroute.errors import StoreConflict
from ctiroute.model import Scope
from ctiroute.web.api.bodies import answer, parsed
from ctiroute.web.api.body import received
from ctiroute.web.api.interactions import intake_of, result_of
from ctiroute.web.api.interactions_wire import LinesTaken, LineTaken, NewInteraction
from ctiroute.web.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import datetime

    from ctiroute.model import Intake
    from ctiroute.store.base import Store
    from ctiroute.web.api.keys import ApiKeys
    from ctiroute.web.limits import WebLimits
    from ctiroute.web.ports import Flags

log = logging.getLogger(__name__)

_LINES = frozenset({"application/x-ndjson", "application/ndjson", "application/jsonl"})
_AT_ONCE = 20  # a transaction: some 10 ms of the store's one writer
_decode = msgspec.json.Decoder(NewInteraction).decode


class InteractionsInBulk:
    """Serves POST /api/v1/interactions/bulk."""

    def __init__(
        self,
        store: Store,
        keys: ApiKeys,
        clock: Callable[[], datetime],
        limits: WebLimits,
        region: str,
        changed: Callable[[Iterable[str]], None],
        flags: Flags | None = None,
    ) -> None:
        self._store = store
        self._keys = keys
        self._clock = clock
        self._limits = limits
        self._region = region
        self._changed = changed
        self._flags = flags
        self._busy = 0

    def routes(self) -> list[web.RouteDef]:
        """Return all routes."""
        return [web.post("/api/v1/interactions/bulk", self.take)]

    async def take(self, request: web.Request) -> web.Response:
        """POST /api/v1/interactions/bulk: take in what a source tells of many conversations."""
        key = await self._keys.admit(request, Scope.INTERACTIONS_WRITE)
        if request.content_type not in {"application/json", *_LINES}:
            raise Problem(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "not-json", "Send application/x-ndjson, or an array in application/json.")
        if self._busy >= self._limits.imports:
            raise Problem(HTTPStatus.SERVICE_UNAVAILABLE, "busy", "Others import just now; try again in a moment.", {"Retry-After": "2"})
        self._busy += 1
        try:
            async with received(request, replace(self._limits, import_bytes=self._limits.lines_bytes)) as body:
                lines = self._lines(body.read(), as_array=request.content_type == "application/json")
            taken = await self._take(lines)
        finally:
            self._busy -= 1
        log.info("audit: API key %s (%s) told of interactions: %d taken, %d refused", key.key_id, key.name, taken.taken, taken.refused)
        return answer(taken)

    def _lines(self, data: bytes, *, as_array: bool) -> list[tuple[int, bytes]]:
        if as_array:
            lines = [(place, bytes(raw)) for place, raw in enumerate(parsed(data, list[msgspec.Raw]), 1)]
        else:
            lines = [(place, line) for place, line in enumerate(data.split(b"\n"), 1) if line.strip()]
        if len(lines) > self._limits.lines:
            raise Problem(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                "too-many-rows",
                f"Over {self._limits.lines} interactions: nothing is kept; send fewer.",
            )
        return lines

    async def _take(self, lines: Sequence[tuple[int, bytes]]) -> LinesTaken:
        results: list[LineTaken] = []
        for start in range(0, len(lines), _AT_ONCE):
            await asyncio.sleep(0)
            told: list[tuple[int, Intake]] = []
            for place, line in lines[start : start + _AT_ONCE]:
                try:
                    told.append((place, intake_of(_decode(line), self._region, self._clock())))
                except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
                    results.append(LineTaken(place, "refused", reason=str(error)))
                except Problem as problem:
                    results.append(LineTaken(place, "refused", reason=problem.detail))
            if self._flags is not None:
                flagged = await self._flags.flagged([intake for _, intake in told])
                told = [(place, intake) for (place, _), intake in zip(told, flagged, strict=True)]
            results += await self._keep(told)
        results.sort(key=lambda each: each.line)
        refused = sum(each.result == "refused" for each in results)
        return LinesTaken(len(results) - refused, refused, results)

    async def _keep(self, told: Sequence[tuple[int, Intake]]) -> list[LineTaken]:
        try:
            taken = await self._store.take_in([intake for _, intake in told], now=self._clock())
        except StoreConflict as error:
            if len(told) == 1:
                return [LineTaken(told[0][0], "refused", reason=str(error))]
            return [each for one in told for each in await self._keep([one])]  # one bad line must cost no other
        return [LineTaken(place, result_of(each), each.interaction_id, each.revision) for (place, _), each in zip(told, taken, strict=True)]
