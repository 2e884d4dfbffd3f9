"""A service on real servers, each behind a link that can be made to fail, and callers who come at a steady rate whatever happens.

The callers are FastAGI clients of the lab, which behave as Asterisk does. What each is told is kept, so that decisions in an outage can be
held against those in good health.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import cycle, islice
from typing import TYPE_CHECKING

from ctiroute.app.service import Service, utc_now
from ctiroute.lab.agi import run_agi
from ctiroute.lab.channels import Channel
from ctiroute.model import Campaign, Customer, Identifier, IdentifierKind, Medium, OfferTerms, Touch, TouchStatus
from ctiroute.settings import FastAgiSettings, Settings, WebSettings
from tests.real.proxy import FaultyLink

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable
    from pathlib import Path

    from ctiroute.store.base import Store
    from tests.real.redis import RealRedis

FULL = "FAULTS_FULL" in os.environ  # minutes instead of seconds: outages as long, and calls as many, as are promised to be borne
RATE = 50.0  # calls a second
DEADLINE_S = 1.0  # of a decision
ANSWERED_S = 1.1  # until the caller has it
HEALTHY_S = 0.05  # of 99 calls in 100
HEALED_S = 5.0
WAIT_S = 20.0  # for something that is about to happen; a test that waits so long has failed
DIALED = "0800300500"
RULES = """
rules:
  - name: several-offers
    when: {touch: {campaign: "vip-*", within: 30d}}
    then: {queue: vip, priority: 20}
  - name: autumn
    when: {touch: {campaign: "autumn-*", within: 6h}}
    then: {queue: promo, priority: 10, vars: {OFFER: "autumn"}}
  - name: winter
    when: {touch: {campaign: "winter-*", within: 6h}}
    then: {queue: winter}
default: {menu: main}
"""
CAMPAIGNS = ("autumn-sms", "winter-sms", "vip-sms", "last-year")
CALLERS = 200  # of them every fifth was sent nothing, and every tenth is unknown


def phone_of(number: int) -> str:
    """Return a caller's number."""
    return f"+38067{1_000_000 + number}"


def _touches(at: datetime) -> list[Touch]:
    touches = []
    for number in range(CALLERS):
        if number % 5 == 0:
            continue
        campaign = CAMPAIGNS[number % len(CAMPAIGNS)]
        sent_at = at - timedelta(minutes=5 + number % 60)
        to, customer = Identifier(IdentifierKind.PHONE, phone_of(number)), f"C{number}"
        terms = OfferTerms("Offer", "Call us.", "until the end of the month")
        touches.append(Touch(f"T{number}", campaign, "", Medium.SMS, to, sent_at, TouchStatus.DELIVERED, terms, sent_at, customer))
    return touches


async def seed(store: Store) -> None:
    """Put the company in: customers, and who was sent what."""
    await store.put_campaigns([Campaign(key, key.title(), Medium.SMS) for key in CAMPAIGNS])
    known = [number for number in range(CALLERS) if number % 10]
    customers = [Customer(f"C{n}", f"Customer {n}", identifiers=(Identifier(IdentifierKind.PHONE, phone_of(n)),)) for n in known]
    await store.put_customers(customers)
    await store.put_touches(_touches(datetime.now(UTC)))


@dataclass(frozen=True, slots=True)
class Call:
    """One call and what it was told."""

    number: int  # of the caller
    began_at: float  # the event loop's clock
    took_s: float
    variables: Mapping[str, str]  # without the call's own id

    @property
    def status(self) -> str:
        """What CTI_STATUS said; "" when there was no answer."""
        return self.variables.get("CTI_STATUS", "")


def p99(calls: Sequence[Call]) -> float:
    """Return the time in which 99 of 100 calls were answered."""
    assert calls
    return sorted(call.took_s for call in calls)[max(0, len(calls) * 99 // 100 - 1)]


def quickest_p99(calls: Sequence[Call]) -> float:
    """Return the same of the best third of them, one after the other: on a machine that others use as well, that is ours."""
    third = len(calls) // 3
    return min(p99(calls[start : start + third]) for start in (0, third, 2 * third))


@dataclass
class Site:
    """A running service and its links."""

    service: Service
    to_stores: Sequence[FaultyLink]  # one for each host in the URL
    to_copy: FaultyLink | None
    healthy: dict[int, Mapping[str, str]] = field(default_factory=dict)  # by caller: what he is told while all is well
    count: int = 0  # calls so far

    @property
    def to_store(self) -> FaultyLink:
        """The link to the store, or to the first of its hosts."""
        return self.to_stores[0]

    async def call(self, number: int, *, leaves_after_s: float | None = None) -> Call:
        """Let one caller ask where to go, and perhaps hang up before the answer."""
        self.count += 1
        linkedid = f"{self.count}.1"
        channel = Channel(f"PJSIP/trunk-{self.count:08x}", linkedid, linkedid, phone_of(number), exten=DIALED)
        loop = asyncio.get_running_loop()
        began = loop.time()
        port = self.service.fastagi.port
        result = await run_agi(channel, "127.0.0.1", port, "route", (linkedid,), dnid=DIALED, hang_up_after_s=leaves_after_s)
        variables = {name: value for name, value in result.variables.items() if name != "CTI_CALL_ID"}
        return Call(number, began, loop.time() - began, variables)

    def call_id(self, turn: int) -> str:
        """Return our id of the call that came as number `turn`, from 1."""
        return f"asterisk:{turn}.1"

    async def calls(self, count: int, rate: float = RATE) -> list[Call]:
        """Let callers come at this rate, however long each of them waits."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        async with asyncio.TaskGroup() as group:
            tasks = []
            for turn, number in enumerate(islice(cycle(range(CALLERS)), self.count, self.count + count)):
                await asyncio.sleep(max(0.0, began + turn / rate - loop.time()))
                tasks.append(group.create_task(self.call(number % CALLERS), name=f"caller {turn}"))
        return [task.result() for task in tasks]

    async def settle(self) -> None:
        """Put the company in, wait until the copy has it, and let everybody call once."""
        await seed(self.service.store)
        if self.to_copy is not None:
            await self.copy_is_whole()
        await self.learn()

    async def copy_is_whole(self) -> None:
        """Wait until the copy can answer for the store, with all that has changed."""
        await until(lambda: self.metric("ctiroute_copy_warm") == 1 and self.metric("ctiroute_copy_lag_seconds") == 0)

    async def learn(self) -> None:
        """Let everybody call once, until all of them are decided by the store, and remember what each is told."""
        async with asyncio.timeout(WAIT_S):
            while True:
                before = self.metric("ctiroute_source_decided_total", source="store")
                calls = await self.crowd(range(CALLERS))
                if not self.to_stores or self.metric("ctiroute_source_decided_total", source="store") - before == CALLERS:
                    break
        self.healthy = {call.number: call.variables for call in calls}
        assert {call.status for call in calls} == {"routed", "default"}

    async def crowd(self, numbers: Iterable[int], at_once: int = 8) -> list[Call]:
        """Let these call, so many at once and no more: what they are told does not depend on how quick this machine is."""
        waiting, told = iter(numbers), []

        async def callers() -> None:
            for number in waiting:
                told.append(await self.call(number))  # noqa: PERF401 - the others take from it as well

        async with asyncio.TaskGroup() as group:
            for turn in range(at_once):
                group.create_task(callers(), name=f"callers {turn}")
        return told

    def all_in_time(self, calls: Sequence[Call]) -> bool:
        """Say whether each of these was answered in time, and every decision so far made within the deadline."""
        in_time = self.metric("ctiroute_decision_seconds_bucket", le=str(DEADLINE_S))
        decided = self.metric("ctiroute_decision_seconds_count")
        return decided >= self.count == in_time and max(call.took_s for call in calls) <= ANSWERED_S and all(call.status for call in calls)

    def share_equal(self, calls: Sequence[Call]) -> float:
        """Return the share of calls that were told what they are told in good health."""
        return sum(call.variables == self.healthy[call.number] for call in calls) / len(calls)

    async def heals(self) -> float:
        """Call until ten calls in a row are decided by the store, as ever; return the seconds it took."""
        began = asyncio.get_running_loop().time()
        good = 0
        while good < 10:
            call = await self.decided_by_store()
            good = good + 1 if call.variables == self.healthy[call.number] else 0
        return asyncio.get_running_loop().time() - began

    async def decided_by_store(self) -> Call:
        """Call until a call is decided on what the store says; return that one."""
        async with asyncio.timeout(WAIT_S):
            while True:
                before = self.metric("ctiroute_source_decided_total", source="store")
                call = await self.call(self.count % CALLERS)
                if self.metric("ctiroute_source_decided_total", source="store") > before:
                    return call
                await asyncio.sleep(1 / RATE)  # callers come one by one

    def metric(self, name: str, **labels: str) -> float:
        """Return a metric's value, 0.0 when it was never touched."""
        return self.service.registry.get_sample_value(name, labels) or 0.0

    async def opened(self, source: str = "store") -> None:
        """Let callers come until the breaker of a source has opened."""
        loop = asyncio.get_running_loop()
        until = loop.time() + WAIT_S
        while not self.metric("ctiroute_source_breaker_changes_total", source=source, to="open"):
            assert loop.time() < until
            await self.calls(5)


async def until(condition: Callable[[], object]) -> None:
    """Wait until something is so."""
    async with asyncio.timeout(WAIT_S):
        while not condition():  # noqa: ASYNC110 - most of what is waited for has no event
            await asyncio.sleep(0.01)


@asynccontextmanager
async def site(folder: Path, ports: Sequence[int], database: str, redis: RealRedis | None = None) -> AsyncIterator[Site]:
    """Run a service on PostgreSQL at these ports, and on Redis if it is given, with the company in it."""
    async with unstarted(folder, ports, database, redis) as running:
        await running.service.start()
        await running.settle()
        yield running
        for link in (*running.to_stores, running.to_copy):  # so that the stop has nothing to wait for
            if link is not None:
                link.works()


@asynccontextmanager
async def unstarted(folder: Path, ports: Sequence[int], database: str, redis: RealRedis | None = None) -> AsyncIterator[Site]:
    """Build a service with its links, and stop it in the end."""
    async with AsyncExitStack() as stack:
        to_stores = [await stack.enter_async_context(FaultyLink("127.0.0.1", port)) for port in ports]
        to_copy = await stack.enter_async_context(FaultyLink("127.0.0.1", redis.port)) if redis is not None else None
        hosts = ",".join(f"127.0.0.1:{link.port}" for link in to_stores)
        service = service_on(
            folder, f"postgresql://postgres@{hosts}/{database}", "" if to_copy is None else f"redis://127.0.0.1:{to_copy.port}/0"
        )
        stack.push_async_callback(service.stop)
        yield Site(service, to_stores, to_copy)


def service_on(folder: Path, store: str, redis: str = "", clock: Callable[[], datetime] = utc_now) -> Service:
    """Return a service with the rules above, all its ports free ones, its own files in `folder`."""
    rules = folder / "rules"
    rules.mkdir(parents=True)
    (rules / "rules.yml").write_text(RULES, encoding="utf-8")
    settings = Settings(data_dir=folder, rules=rules, store=store, redis=redis, fastagi=FastAgiSettings(port=0), web=WebSettings(port=0))
    return Service(settings, clock)
