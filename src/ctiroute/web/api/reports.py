"""Reports over HTTP: /api/v1/campaigns/{key}/report."""

from __future__ import annotations

import asyncio
import re
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING

from aiohttp import web

from ctiroute.model import Scope
from ctiroute.web.api.bodies import answer
from ctiroute.web.api.report_csv import as_csv
from ctiroute.web.api.webhooks_wire import report_view
from ctiroute.web.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Callable

    from ctiroute.store.base import Store
    from ctiroute.web.api.keys import ApiKeys

DAYS, HOURS = 30, 24.0  # of touches, and until a call, unless asked otherwise
AT_ONCE = 2  # reports: each may scan a year of touches
_HOURS = re.compile(r"[0-9]{1,5}(\.[0-9]{1,3})?", re.ASCII)


class Reports:
    """Serves the reports."""

    def __init__(self, store: Store, keys: ApiKeys, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._keys = keys
        self._clock = clock
        self._turns = asyncio.Semaphore(AT_ONCE)

    def routes(self) -> list[web.RouteDef]:
        """Return all routes."""
        return [web.get("/api/v1/campaigns/{key}/report", self.campaign)]

    async def campaign(self, request: web.Request) -> web.Response:
        """GET /api/v1/campaigns/{key}/report: what was sent, and the calls that followed; JSON, or CSV when that is accepted."""
        await self._keys.admit(request, Scope.REPORTS)
        now = self._clock()
        until = _time(request, "until", now)
        since = _time(request, "since", until - timedelta(days=DAYS))
        async with self._turns:
            report = await self._store.campaign_report(request.match_info["key"], since, until, _window(request))
        if report is None:
            raise Problem(HTTPStatus.NOT_FOUND, "no-such-campaign", "There is no campaign of this key.")
        if request.query.get("format") == "csv":
            return web.Response(text=as_csv(report), content_type="text/csv", charset="utf-8")
        return answer(report_view(report))


def _time(request: web.Request, name: str, default: datetime) -> datetime:
    asked = request.query.get(name)
    if asked is None:
        return default
    try:
        at = datetime.fromisoformat(asked)
        return at.replace(tzinfo=at.tzinfo or UTC).astimezone(UTC)
    except (ValueError, OverflowError):
        raise Problem(HTTPStatus.BAD_REQUEST, "bad-query", f"{name} is a time such as 2026-03-01T12:00:00Z.") from None


def _window(request: web.Request) -> timedelta:
    asked = request.query.get("window_hours")
    if asked is None:
        return timedelta(hours=HOURS)
    if _HOURS.fullmatch(asked) is None:
        raise Problem(HTTPStatus.BAD_REQUEST, "bad-query", "window_hours is a number of hours, such as 24 or 0.25.")
    return timedelta(hours=float(asked))
