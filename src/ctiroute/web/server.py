"""The web server: builds the parts of this room, gives each its routes, starts and stops. `app` sees only this and `Screens`."""

from __future__ import annotations

import asyncio
import logging
import time
from datetime import timedelta
from typing import TYPE_CHECKING

from aiohttp import web
from aiohttp.http import HttpProcessingError

from ctiroute.settings.model import ContinueSettings
from ctiroute.web.access import Access
from ctiroute.web.api.callbacks import CallbackRoutes
from ctiroute.web.api.continuing import Continuing
from ctiroute.web.api.customers import Customers
from ctiroute.web.api.history import Histories
from ctiroute.web.api.interactions import Interactions
from ctiroute.web.api.interactions_bulk import InteractionsInBulk
from ctiroute.web.api.keys import ApiKeys
from ctiroute.web.api.openapi import openapi
from ctiroute.web.api.reports import Reports
from ctiroute.web.api.route import Routes
from ctiroute.web.api.rules import AtWork, Rules
from ctiroute.web.api.rules_trials import RulesOnTrial
from ctiroute.web.api.touches import Touches
from ctiroute.web.api.webhooks import Webhooks
from ctiroute.web.cookie import SessionCookie
from ctiroute.web.limits import WebLimits
from ctiroute.web.live import RESTART, Live
from ctiroute.web.metrics import WebMetrics
from ctiroute.web.pages import STATIC, Pages
from ctiroute.web.passwords import PasswordChecker
from ctiroute.web.problems import problems
from ctiroute.web.screens import Screens
from ctiroute.web.security import Gate, add_headers
from ctiroute.web.sessions import Sessions
from ctiroute.web.throttle import SignInThrottle
from ctiroute.web.vitals import Vitals

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import datetime
    from pathlib import Path

    from aiohttp.typedefs import Handler
    from prometheus_client import CollectorRegistry

    from ctiroute.model import Announcer
    from ctiroute.settings.model import WebSettings
    from ctiroute.store.base import Store
    from ctiroute.web.ports import Answers, CallbackDesk, Flags, Floor, FormDesk, Promises, RouteDesk, RulesDesk, SessionKeeper, WebhookDesk

log = logging.getLogger(__name__)

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


def _of_ours(record: logging.LogRecord) -> bool:
    """Keep out of the log what port scanners send: aiohttp would write a traceback with their bytes for each."""
    return not (record.exc_info and isinstance(record.exc_info[1], HttpProcessingError))


_http_log = logging.getLogger(f"{__name__}.http")
_http_log.addFilter(_of_ours)


class WebServer:
    """Screens, API, health and metrics on one port."""

    def __init__(
        self,
        settings: WebSettings,
        store: Store,
        floor: Floor,
        registry: CollectorRegistry,
        clock: Callable[[], datetime],
        *,
        monotonic: Callable[[], float] = time.monotonic,
        limits: WebLimits | None = None,
        throttle: SignInThrottle | None = None,
        static: Path = STATIC,
        region: str = "UA",
        keeper: SessionKeeper | None = None,
        rules: RulesDesk | None = None,
        answers: Answers | None = None,
        flags: Flags | None = None,
        routing: RouteDesk | None = None,
        callbacks: CallbackDesk | None = None,
        promises: Promises | None = None,
        continue_link: ContinueSettings | None = None,
        announcer: Announcer | None = None,
        webhooks: WebhookDesk | None = None,
        forms: FormDesk | None = None,
        changed: Callable[[Iterable[str]], None] = lambda _: None,
        warnings: Callable[[], Mapping[str, str]] = dict,
        hooks: Iterable[web.RouteDef] = (),
    ) -> None:
        """Make a server that listens nowhere yet.

        `clock` gives aware UTC times, `monotonic` seconds that never jump; `static` is the folder of the built page, `region` the
        country of numbers that other programs send without a code; `keeper` keeps sessions, None: the store does. `rules` answers for
        the rules, `routing` decides about other media than calls, `callbacks` keeps callback orders, `promises` takes those of
        operators, None: nobody does; `announcer` tells other systems of what was done
        here, `webhooks` are those systems;
        `forms` saves what operators write into forms, `changed` hears which interactions were changed; `warnings` gives what is
        worth a look though calls are served as they should be. `hooks` are
        routes of connectors, to which vendors post.
        """
        limits = limits or WebLimits()
        self._settings = settings
        self._limits = limits
        self._metrics = metrics = WebMetrics(registry)
        self._checker = PasswordChecker()
        self._sessions = sessions = Sessions(
            keeper or store, clock, monotonic, lifetime=timedelta(hours=settings.session_hours), directory_s=limits.directory_s
        )
        self.screens = Screens(floor, limits, metrics)
        gate, cookie = Gate(settings), SessionCookie(settings)
        access = Access(
            store, sessions, self.screens, gate, cookie, throttle or SignInThrottle(), self._checker, limits, metrics, monotonic
        )
        live = Live(floor, self.screens, sessions, gate, cookie, limits, metrics, clock, monotonic, promises, forms, answers)
        vitals = Vitals(store, floor, registry, limits, monotonic, warnings)
        pages = Pages(static)
        keys = ApiKeys(store, gate, clock, monotonic, metrics.api_requests)
        touches = Touches(store, keys, clock, limits, region)
        self._app = web.Application(middlewares=[self._measure, problems], client_max_size=limits.body_bytes)
        self._app.on_response_prepare.append(add_headers)
        self._app.add_routes(
            [
                web.get("/", pages.index),
                web.get("/static/{name}", pages.static),
                web.get("/ws", live.handle, allow_head=False),
                web.get("/api/v1/session", access.who),
                web.post("/api/v1/session", access.sign_in),
                web.delete("/api/v1/session", access.sign_out),
                web.post("/api/v1/session/ticket", access.sign_in_by_ticket),
                web.post("/api/v1/campaigns/{key}/touches", touches.add),
                web.post("/api/v1/touches/receipts", touches.receipts),
                web.patch("/api/v1/touches/{touch_id}", touches.progress),
                web.get("/api/openapi.json", openapi),
                web.get("/health/live", vitals.live),
                web.get("/health/ready", vitals.ready),
                web.get("/metrics", vitals.metrics),
            ]
        )
        self._app.add_routes(hooks)
        self._app.add_routes(InteractionsInBulk(store, keys, clock, limits, region, changed, flags).routes())
        self._app.add_routes(Interactions(store, keys, clock, limits, region, announcer, changed, flags).routes())
        self._app.add_routes(Histories(store, keys, region).routes())
        self._app.add_routes(Customers(store, keys, clock, limits, region).routes())
        self._app.add_routes(Continuing(store, keys, clock, continue_link or ContinueSettings(), announcer).routes())
        self._app.add_routes(Reports(store, keys, clock).routes())
        if webhooks is not None:
            self._app.add_routes(Webhooks(webhooks, store, keys, clock, limits).routes())
        if routing is not None:
            self._app.add_routes(Routes(routing, keys, clock, limits, region).routes())
        if callbacks is not None:
            self._app.add_routes(CallbackRoutes(callbacks, keys, limits, region).routes())
        if rules is not None:
            at_work = AtWork()
            self._app.add_routes(Rules(rules, keys, limits, at_work).routes())
            self._app.add_routes(RulesOnTrial(rules.trials, keys, limits, at_work).routes())
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        """Listen. Raises `OSError` when the port is taken."""
        # No access log: query strings and addresses of people are nobody's business, and metrics tell the rest.
        self._runner = web.AppRunner(
            self._app,
            access_log=None,
            logger=_http_log,
            keepalive_timeout=self._limits.idle_s,
            shutdown_timeout=self._limits.close_s,
            handle_signals=False,
        )
        await self._runner.setup()
        await web.TCPSite(self._runner, self._settings.host, self._settings.port).start()
        log.debug("screens at http://%s:%d/", self._settings.host, self.port)

    async def stop(self) -> None:
        """Tell the browsers to come back soon, finish what is being answered, and let go of the port."""
        self.screens.close_all(RESTART, "restart")
        try:
            async with asyncio.timeout(2 * self._limits.close_s):
                await self.screens.emptied()
        except TimeoutError:
            self.screens.cut_all()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None
        self._checker.close()

    @property
    def port(self) -> int:
        """The port that is listened at, which matters when the settings say 0."""
        if self._runner is None:
            raise RuntimeError("the web server is not started")
        return int(self._runner.addresses[0][1])

    def issue_ticket(self, operator_id: str, ttl_s: float | None = None) -> str:
        """Return a one-time ticket that signs this operator in, for `/#ticket=...`: what follows # is never sent in a URL."""
        return self._sessions.issue_ticket(operator_id, self._limits.ticket_s if ttl_s is None else ttl_s)

    @web.middleware
    async def _measure(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        started = time.perf_counter()
        response = await handler(request)
        if not isinstance(response, web.WebSocketResponse):
            resource = request.match_info.route.resource
            route = "none" if resource is None else resource.canonical  # never the path itself: strangers choose that
            method = request.method if request.method in _METHODS else "other"
            self._metrics.requests.labels(route, method, str(response.status)).observe(time.perf_counter() - started)
        return response
