"""Builds everything once; starts, reloads, stops. The only place that knows all rooms.

Order of start: store, rules, screens, switches, and last the FastAGI door: a call that comes in finds everything behind it.
Order of stop: the other way round, so that calls in hand are finished before what they need goes away.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import AsyncExitStack, suppress
from dataclasses import replace
from datetime import UTC, datetime
from random import Random
from time import monotonic
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Gauge, GCCollector, PlatformCollector, ProcessCollector

from ctiroute.app.acks import Acks
from ctiroute.app.answers import Answers
from ctiroute.app.call_files import CallFile
from ctiroute.app.callback_keys import CallbackKeys
from ctiroute.app.callbacks import Callbacks
from ctiroute.app.closed_loop import ClosedLoop
from ctiroute.app.floor import Floor
from ctiroute.app.forgetting import Forgetter
from ctiroute.app.form_desk import FormDesk
from ctiroute.app.intake import Media
from ctiroute.app.masking import mask_snapshot
from ctiroute.app.node import Node
from ctiroute.app.operator_promises import OperatorPromises
from ctiroute.app.other_media import OtherMedia
from ctiroute.app.queues import Queues
from ctiroute.app.reasons import ReasonKeeper
from ctiroute.app.recorder import Recorder
from ctiroute.app.retention import Purger, beyond_retention
from ctiroute.app.rule_check import known_by
from ctiroute.app.rule_desk import RulesDesk
from ctiroute.app.rule_history import RuleHistory
from ctiroute.app.rule_keeper import RuleKeeper
from ctiroute.app.sessions import SharedSessions
from ctiroute.app.shadow import Overheard, Shadow, ShadowMetrics
from ctiroute.app.tasks import Tasks
from ctiroute.app.trust import Trust
from ctiroute.app.urgency import Urgency
from ctiroute.connectors.asterisk.agi_socket import AgiSocketServer
from ctiroute.connectors.asterisk.ami_link import AsteriskLink
from ctiroute.connectors.asterisk.ami_metrics import AmiMetrics
from ctiroute.connectors.asterisk.fastagi import FastAgiServer
from ctiroute.desk import Desk
from ctiroute.desk.claims import ClaimPolicy, Claims
from ctiroute.engine.decide import decide
from ctiroute.engine.router import Router
from ctiroute.errors import StoreError
from ctiroute.model import Caller, LegStarted, Medium, RouteRequest
from ctiroute.model.phone import is_withheld, parse_phone
from ctiroute.rules import Facts
from ctiroute.store import open_store
from ctiroute.store.outbox import MarksDirty
from ctiroute.store.redis.shared import Presence
from ctiroute.web.server import WebServer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ctiroute.app.rule_keeper import Change
    from ctiroute.errors import Fault
    from ctiroute.model import Subject
    from ctiroute.rules import Ruleset
    from ctiroute.settings import Settings

log = logging.getLogger(__name__)

DRAIN_S = 2.0  # calls in hand are decided within their deadline of at most 2.5 s; Asterisk's own net holds at 3 s
FLUSH_S = 5.0  # for records at the stop
REFRESH_S = 5.0  # how soon an operator added by `ctiroute operator add` may sign in and be rung
AGAIN_S = 1.0  # until the operators are read again when that failed: nobody can sign in without them
LOOK_UP_S = 2.0  # for a call nobody asked us to route: its phone rings already, and nothing waits for the answer


def utc_now() -> datetime:
    """Return the time, aware, UTC."""
    return datetime.now(UTC)


class Service:
    """One running ctiroute."""

    def __init__(self, settings: Settings, clock: Callable[[], datetime] = utc_now) -> None:
        self.settings = settings
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        GCCollector(registry=self.registry)
        self._clock = clock
        self._tasks = Tasks()
        self.store = open_store(settings.store_url)
        self.loop = ClosedLoop(self.store, settings, self.registry, clock, Random())  # noqa: S311 - spreads waits, guards nothing
        self.rules = RuleKeeper(
            settings.rules,
            self.registry,
            self._review,
            self._rules_taken,
        )
        self.node = Node(settings.redis, self.store, self.registry, clock, lambda: self.rules.current().needs, self._presence)
        shared = self.node.shared
        self.history = RuleHistory(
            self.store,
            self.node.name,
            clock,
            self.registry,
            shared.rules_of_nodes if shared is not None else dict,
            tells=isinstance(self.store, MarksDirty),
        )
        mask = mask_snapshot if settings.snapshot_numbers == "mask" else None
        self._recorder = Recorder(self.store, self.registry, self._snapshot, mask)
        self.purger = Purger(self.store, settings.retention, self.registry, clock)
        self.acks = Acks(self.registry, monotonic)
        self.reasons = ReasonKeeper(self.store, clock, self.registry)
        self.answers = Answers(self.store, self.reasons, clock)
        claims = Claims(ClaimPolicy(settings.web.same_extension))
        self.floor = Floor(
            desk=Desk((), claims),
            store=self.store,
            recorder=self._recorder,
            acks=self.acks,
            tasks=self._tasks,
            clock=clock,
            look_up=self._look_up,
            explain=self._explain,
            language=settings.language,
            zone=lambda: self.rules.current().zone,
            claims=claims,
            health=self.health,
            neighbours=self.node.neighbours,
            answers=self.answers,
            codes=settings.wrap_up,
            trust=Trust(frozenset(settings.sensitive), frozenset(settings.trusted_attestation)),
        )
        self.answers.attach(self.floor)
        if self.node.shared is not None:
            self.node.shared.attach(self.floor)
        self.forms = FormDesk(self.store, self.floor, self.node.neighbours, self._tasks, clock, self.loop.outbox)
        self.floor.reread = self.forms.changed_elsewhere
        self.loop.attributor.changed = self.forms.changed
        self.queues = Queues(lambda: self.floor.operators, clock)
        self.shadow = self._shadow_of(settings)
        heard = self.floor if self.shadow is None else Overheard(self.floor, self.shadow)
        ledger = OtherMedia(heard, self._recorder, clock, settings.fastagi.deadline_s, settings.language, lambda: self.rules.current().zone)
        self.router = Router(
            [self.node.source],
            self.rules.current,
            lambda: self.floor.operators,
            ledger,
            self.registry,
            clock,
            self.queues.live,
            self.reasons.rank,
        )
        ledger.engine = self.router
        self.callbacks = Callbacks(
            settings, self.store, self.registry, lambda: self.rules.current().zone, clock, self._tasks, self.loop.outbox
        )
        asked = CallbackKeys(self.router, self.callbacks.orders, self._tasks)
        self.fastagi = FastAgiServer(settings.fastagi, settings.asterisk, settings.region, asked, self.registry, clock)
        socket = settings.agi_socket or settings.data_dir / "agi.sock"
        self.agi_socket = AgiSocketServer(socket, settings.fastagi, settings.asterisk, settings.region, asked, self.registry, clock)
        metrics, rng = AmiMetrics(self.registry), Random()  # noqa: S311 - spreads waits, guards nothing
        sink = self.callbacks.place_with(self.floor, self.queues, self._look_up, self.node.name, rng)
        self.links = {each.name: AsteriskLink(each, sink, metrics, clock, rng, queue_sink=self.queues) for each in settings.asterisk}
        keeper = SharedSessions(self.store, shared, lambda: list(self.floor.operators.values())) if shared is not None else None
        rule_desk = RulesDesk(settings.rules, self.rules, self.history, self.store, clock, settings.region, known_by(settings), self._facts)
        self.urgency = Urgency(self.store, self.rules.current)
        self.media = Media(settings, self.store, self.registry, clock, self.forms.changed, self.urgency)
        self.web = WebServer(
            settings.web,
            self.store,
            self.floor,
            self.registry,
            clock,
            region=settings.region,
            keeper=keeper,
            rules=rule_desk,
            answers=self.answers,
            flags=self.urgency,
            routing=ledger,
            callbacks=self.callbacks.orders,
            promises=OperatorPromises(self.floor, self.callbacks.orders),
            continue_link=settings.continue_link,
            forms=self.forms,
            changed=self.forms.changed,
            announcer=self.loop.outbox,
            webhooks=self.loop,
            warnings=self.warnings,
            hooks=self.media.routes(),
        )
        self._forgetter = Forgetter(self.store, self._forget, clock)
        self._stack = AsyncExitStack()
        self._socket_fault = ""
        Gauge("ctiroute_links_down", "Asterisks we do not hear", registry=self.registry).set_function(self._links_down)

    async def start(self) -> None:
        """Start everything, or raise and leave nothing running."""
        async with AsyncExitStack() as stack:
            self.rules.load()
            stack.push_async_callback(self.store.close)
            await self.store.open()
            fresh = await self._freshen()
            stack.push_async_callback(self._recorder.flush, FLUSH_S)
            if self.shadow is not None:
                stack.push_async_callback(self.shadow.tell)
            stack.push_async_callback(self.node.close)
            stack.push_async_callback(self._tasks.cancel)
            stack.push_async_callback(self.loop.drain, DRAIN_S)
            stack.push_async_callback(self.router.close)
            stack.push_async_callback(self.web.stop)
            await self.web.start()
            self.floor.attach(self.web.screens)
            self.node.start(self._tasks)
            self.media.start(self._tasks)
            for name, link in self.links.items():
                self._tasks.start(link.run(), f"AMI {name}", lasting=True)
            self.callbacks.start()
            self._tasks.start(self._recorder.run(), "recorder", lasting=True)
            self.loop.start(self._tasks)
            self._tasks.start(self.rules.watch(), "rules watch", lasting=True)
            self._tasks.start(self.history.run(), "rules history", lasting=True)
            with suppress(StoreError):  # the store is away; the forgetter looks again
                await self._forgetter.begin()
            if self.shadow is not None:
                self._tasks.start(self.shadow.run(), "rules on trial", lasting=True)
            self._tasks.start(self._keep_fresh(fresh=fresh), "operators and expiry", lasting=True)
            self._tasks.start(self.purger.run(), "purge", lasting=True)
            self._tasks.start(self.reasons.run(), "reasons", lasting=True)
            self._tasks.start(self._forgetter.run(), "erasures", lasting=True)
            stack.push_async_callback(self.agi_socket.drain, DRAIN_S)
            await self._start_agi_socket()
            stack.push_async_callback(self.fastagi.drain, DRAIN_S)
            await self.fastagi.start()
            self._stack = stack.pop_all()

    async def stop(self) -> None:
        """Finish calls in hand, write what waits, close."""
        await self._stack.aclose()

    def reload(self) -> None:
        """Read the rules again, in the background; when they are wrong, those in use stay and `health` says so."""
        self._tasks.start(self.rules.reload(how="signal"), "rules reload")

    def health(self) -> Mapping[str, str]:
        """Return parts that are not well, with the cause in words."""
        unwell = {}
        for name, link in self.links.items():
            if not link.state.up:
                unwell[f"asterisk {name}"] = link.state.detail
            elif link.state.degraded:
                unwell[f"asterisk {name}"] = "; ".join(link.state.degraded)
        if self.rules.fault:
            unwell["rules"] = self.rules.fault
        if self._recorder.fault:
            unwell["records"] = self._recorder.fault
        if self._socket_fault:
            unwell["ctiroute-agi"] = self._socket_fault
        for name in self._tasks.broken:
            unwell[name] = "broke and does not run any more: see the log, then restart"
        return unwell

    def warnings(self) -> Mapping[str, str]:
        """Return what is worth a look though calls are served as they should be: nodes that did not take the newest rules, silent media."""
        unplaced = {"callbacks": self.callbacks.fault} if self.callbacks.fault else {}
        return {
            **unplaced,
            **self.loop.warnings(),
            **{f"rules of {node}": why for node, why in self.history.behind().items()},
            **self.media.health(),
        }

    async def _forget(self, subject: Subject) -> None:
        await self.floor.forget(subject)
        await self.node.forget(subject.identifiers)

    def _shadow_of(self, settings: Settings) -> Shadow | None:
        """Return what asks the rules on trial; the metrics are there in any case."""
        metrics = ShadowMetrics(self.registry)
        if settings.shadow is None:
            return None
        live, operators = self.rules.version, lambda: self.floor.operators
        return Shadow(settings.shadow, self.store, metrics, self.node.name, self._clock, live, operators, self.queues.live)

    def _presence(self) -> Presence:
        here = self.history.here
        return Presence(self.web.screens.operators(), self.rules.current().version, here.since.timestamp() if here is not None else 0.0)

    def _review(self, ruleset: Ruleset) -> list[Fault]:
        return beyond_retention(ruleset, self.settings.retention)

    async def _facts(self, request: RouteRequest) -> Facts:
        """Gather what is known for a request, as for a call; nothing comes of it."""
        if not request.pbx and len(self.links) == 1:
            request = replace(request, pbx=next(iter(self.links)))
        context = await self.router.look_up(request, LOOK_UP_S)
        queues, available = self.queues.live(request.pbx, self.rules.current().needs)
        return Facts(request, context, request.received_at, self.floor.operators, queues=queues, available=available)

    def _rules_taken(self, change: Change) -> None:
        self.history.taken(change)

    def _snapshot(self, call_id: str) -> bytes | None:
        return self.floor.snapshot_bytes(call_id)

    async def _start_agi_socket(self) -> None:
        """Listen for `ctiroute-agi`. Most sites never use it, so that it cannot listen is no reason not to start."""
        try:
            await self.agi_socket.start()
        except OSError as error:
            self._socket_fault = (
                f"ctiroute-agi cannot ask: {error.strerror or error}; set agi_socket to a short path in a folder that is there"
            )
            log.warning("%s", self._socket_fault)

    async def _keep_fresh(self, *, fresh: bool) -> None:
        while True:
            await asyncio.sleep(REFRESH_S if fresh else AGAIN_S)
            fresh = await self._freshen()

    async def _freshen(self) -> bool:
        """Read who the operators are, and let go of what is over; False: the store is away. Never raises."""
        try:
            async with asyncio.timeout(REFRESH_S):
                self.floor.expire()
                self.floor.set_operators(await self.store.get_operators())
        except (StoreError, TimeoutError) as error:
            log.warning("operators cannot be read: %s", str(error) or "no answer in time")
            return False
        except Exception:  # whatever it is, it is tried again
            log.exception("what is long over could not be tidied up")
            return False
        return True

    async def _look_up(self, heard: LegStarted) -> CallFile:
        """Make the file of a call we did not decide, with what the rules would show of it. That no rule sent it here is left out."""
        region = self.settings.region
        phone = parse_phone(heard.number, region)
        caller = Caller(raw=heard.number, phone=phone, withheld=is_withheld(heard.number))
        request = RouteRequest(
            call_id=heard.call_id,
            medium=Medium.VOICE,
            caller=caller,
            dialed=heard.dialed,
            received_at=heard.at,
            pbx=heard.call_id.partition(":")[0],
            leg_id=heard.leg_id,
        )
        context = await self.router.look_up(request, LOOK_UP_S)
        ruleset = self.rules.current()
        queues, available = self.queues.live(request.pbx, ruleset.needs)
        decision = decide(request, context, ruleset, heard.at, self.floor.operators, queues, available)
        return replace(CallFile.of(context, decision, worded=False), status=None, rule=None, ruleset_version="")

    def _explain(self, file: CallFile) -> CallFile:
        """Word the trace of a stored call, as long as we still have the rules that decided it."""
        ruleset = self.rules.version(file.ruleset_version)
        if file.rules or ruleset is None:
            return file
        context = file.context
        now = context.gathered_at or context.request.received_at
        queues = {state.queue: state for state in file.queues}
        decision = decide(context.request, context, ruleset, now, self.floor.operators, queues, file.available)
        return replace(file, rules=decision.trace.rules)

    def _links_down(self) -> float:
        return sum(not link.state.up for link in self.links.values())
