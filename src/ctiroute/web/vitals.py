"""/health/live, /health/ready and /metrics. Anybody who reaches the port may read them: they hold no names and no numbers."""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import TYPE_CHECKING

import msgspec
from aiohttp import web
from prometheus_client.exposition import choose_encoder

from ctiroute.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from prometheus_client import CollectorRegistry

    from ctiroute.store.base import Store
    from ctiroute.web.limits import WebLimits
    from ctiroute.web.ports import Floor


class Vitals:
    """Serves health and metrics."""

    def __init__(
        self,
        store: Store,
        floor: Floor,
        registry: CollectorRegistry,
        limits: WebLimits,
        monotonic: Callable[[], float],
        warnings: Callable[[], Mapping[str, str]] = dict,
    ) -> None:
        self._store = store
        self._floor = floor
        self._registry = registry
        self._limits = limits
        self._monotonic = monotonic
        self._warnings = warnings
        self._store_state = ""  # why the store is not well; "": it is
        self._store_until = float("-inf")
        self._asking = asyncio.Lock()

    async def live(self, _request: web.Request) -> web.Response:
        """Tell that the event loop turns."""
        return _json(HTTPStatus.OK, {"status": "ok"})

    async def ready(self, _request: web.Request) -> web.Response:
        """Tell whether calls are served as they should be, and if not, which parts are to blame."""
        faults = dict(self._floor.health())
        store = await self._store_fault()
        if store:
            faults["store"] = store
        warnings = dict(self._warnings())  # no reason to send browsers elsewhere: another node may have it just so
        more = {"warnings": warnings} if warnings else {}
        if faults:
            return _json(HTTPStatus.SERVICE_UNAVAILABLE, {"status": "not-ready", "faults": faults, **more})
        return _json(HTTPStatus.OK, {"status": "ok", "faults": {}, **more})

    async def metrics(self, request: web.Request) -> web.Response:
        """Return all metrics in the format the scraper asks for."""
        encode, content_type = choose_encoder(request.headers.get("Accept", ""))
        return web.Response(body=encode(self._registry), headers={"Content-Type": content_type})

    async def _store_fault(self) -> str:
        # One question at a time, its answer kept for a moment: probes must not add to the load they measure.
        async with self._asking:
            if self._monotonic() >= self._store_until:
                self._store_state = await self._ask_store()
                self._store_until = self._monotonic() + self._limits.store_check_s
        return self._store_state

    async def _ask_store(self) -> str:
        try:
            async with asyncio.timeout(self._limits.store_check_s):
                await self._store.check()
        except TimeoutError:
            return f"no answer within {self._limits.store_check_s:g} s"
        except StoreError as error:
            return str(error)
        return ""


def _json(status: HTTPStatus, body: object) -> web.Response:
    return web.Response(status=status, body=msgspec.json.encode(body), content_type="application/json")
