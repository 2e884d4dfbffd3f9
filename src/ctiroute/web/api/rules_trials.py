"""Rules tried over HTTP before they act, and what became of calls: tests, replay, shadow, traces. What tries them is behind a port."""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import TYPE_CHECKING

from aiohttp import web

from ctiroute.errors import ConfigurationError
from ctiroute.model import Scope
from ctiroute.web.api.rules import AtWork, answer, body_of, wrong
from ctiroute.web.api.rules_wire import RulesToReplay, RulesToTest
from ctiroute.web.problems import Problem

if TYPE_CHECKING:
    from ctiroute.web.api.keys import ApiKeys
    from ctiroute.web.limits import WebLimits
    from ctiroute.web.ports import RulesTrials

log = logging.getLogger(__name__)

_CALL_ID = 200  # characters


class RulesOnTrial:
    """Serves the routes that try rules."""

    def __init__(self, trials: RulesTrials, keys: ApiKeys, limits: WebLimits, at_work: AtWork) -> None:
        """`at_work` is shared with the other routes of rules: all take time that calls need."""
        self._trials, self._keys, self._limits, self._at_work = trials, keys, limits, at_work

    def routes(self) -> list[web.RouteDef]:
        """Return all routes."""
        return [
            web.post("/api/v1/rules/test", self.test),
            web.post("/api/v1/rules/replay", self.replay),
            web.get("/api/v1/rules/shadow", self.shadow),
            web.get("/api/v1/rules/trace/{call_id}", self.trace),
        ]

    async def test(self, request: web.Request) -> web.Response:
        """POST /api/v1/rules/test: run the cases. Nothing is kept."""
        await self._keys.admit(request, Scope.RULES_READ)
        asked = await body_of(request, RulesToTest, self._limits)
        with self._at_work:
            return answer(await self._trials.test(asked.files))

    async def replay(self, request: web.Request) -> web.Response:
        """POST /api/v1/rules/replay: what would have become of past calls. Nothing is kept."""
        key = await self._keys.admit(request, Scope.RULES_READ)
        asked = await body_of(request, RulesToReplay, self._limits)
        if asked.until is not None and asked.until.tzinfo is None:
            raise Problem(HTTPStatus.BAD_REQUEST, "bad-body", "until has no offset: write 2026-11-20T09:00:00Z.")
        log.info("audit: API key %s (%s) replays rules on %g days", key.key_id, key.name, asked.days)
        with self._at_work:
            try:
                return answer(await self._trials.replay(asked))
            except ConfigurationError as error:
                raise wrong(error.faults, "These rules cannot be used; nothing was replayed.") from None

    async def shadow(self, request: web.Request) -> web.Response:
        """GET /api/v1/rules/shadow: what rules on trial would have done otherwise."""
        await self._keys.admit(request, Scope.RULES_READ)
        return answer(await self._trials.shadow())

    async def trace(self, request: web.Request) -> web.Response:
        """GET /api/v1/rules/trace/{call_id}: what happened to a call, and why."""
        key = await self._keys.admit(request, Scope.RULES_READ)
        call_id = request.match_info["call_id"]
        traced = await self._trials.trace(call_id) if len(call_id) <= _CALL_ID else None
        if traced is None:
            raise Problem(HTTPStatus.NOT_FOUND, "no-such-call", "Nothing is kept of such a call.")
        log.info("audit: API key %s (%s) asked what happened to call %s", key.key_id, key.name, traced.call_id)
        return answer(traced)
