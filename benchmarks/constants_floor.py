"""What stands around a measured service: a simulated Asterisk that says what it is told to, operators' browsers, callers in even flow."""

from __future__ import annotations

import asyncio
import random
from contextlib import AsyncExitStack, asynccontextmanager
from time import perf_counter
from typing import TYPE_CHECKING, Any, Self, TypeVar

import aiohttp
import msgspec

from benchmarks.constants_service import ACCOUNT, extension, token
from benchmarks.load import PHONES, Call, Load
from ctiroute.lab import Behaviour, Lab, LabConfig, LabMenu, LabPhone, LabQueue
from ctiroute.lab.channels import Channel, ChannelState

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine

    from benchmarks.constants_service import Service

T = TypeVar("T")

QUEUE = "promo"
STAGES = ("delivered", "rendered", "seen")  # what a browser in front of somebody's eyes acknowledges, of each revision


def floor(operators: int, behaviour: Behaviour | None = None, agi_port: int = 0) -> LabConfig:
    """Return an Asterisk with a phone for each operator, all in one queue, which rings one at a time; callers at a menu press its key."""
    phones = tuple(LabPhone(extension(number), behaviour=behaviour or Behaviour()) for number in range(operators))
    members = LabQueue(QUEUE, tuple(phone.extension for phone in phones), retry_s=0.1)
    menu = LabMenu("main", listen_s=0.05, queue=QUEUE)
    return LabConfig(phones, (members,), (menu,), agi_port=agi_port, username=ACCOUNT, secret=ACCOUNT)


class Browsers:
    """Operators' tabs. They acknowledge pops as the page does, unless `stages` says otherwise."""

    def __init__(self, service: Service, first: int, count: int, stages: tuple[str, ...] = STAGES) -> None:
        self._service = service
        self._numbers = range(first, first + count)
        self.stages = stages
        self.messages = 0
        self.sent = 0
        self.shown = 0
        self.bytes = 0
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        url = self._service.url
        ready: list[asyncio.Event] = []
        async with AsyncExitStack() as stack:
            session = await stack.enter_async_context(
                aiohttp.ClientSession(headers={"Origin": url}, connector=aiohttp.TCPConnector(limit=0))
            )
            tasks: list[asyncio.Task[None]] = []
            stack.push_async_callback(_end, tasks)
            for number in self._numbers:
                there = asyncio.Event()
                tasks.append(asyncio.get_running_loop().create_task(self._watch(session, number, there), name=f"browser {number}"))
                ready.append(there)
                if len(ready) % 16 == 0:
                    await there.wait()
            await asyncio.wait_for(asyncio.gather(*(there.wait() for there in ready)), 30)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def _watch(self, session: aiohttp.ClientSession, number: int, there: asyncio.Event) -> None:
        headers = {"Cookie": f"ctiroute={token(number)}"}
        async with session.ws_connect(f"{self._service.url}/ws", headers=headers, compress=0) as socket:
            async for frame in socket:
                message = msgspec.json.decode(frame.data)
                if message["type"] == "snapshot":
                    there.set()
                elif message["type"].startswith("pop"):
                    self.messages += 1
                    self.shown += message["type"] == "pop"
                    self.bytes += len(frame.data)
                    offer = message["pop"]["offer"]
                    for stage in self.stages:
                        self.sent += 1
                        await socket.send_json({"type": "ack", "pop_id": offer["pop_id"], "revision": offer["revision"], "stage": stage})


async def _end(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


class Callers(Load):
    """Callers who come by themselves, one by one, at random times: an open load. `of` gives the linked id of each."""

    def __init__(self, port: int, seed: int = 7, *, first: int = 0, phones: int = PHONES) -> None:
        """Take the port; `first`: what linked ids begin after; `phones`: how many the store knows."""
        super().__init__("127.0.0.1", port, "route", 0, phones)
        self.rng = random.Random(seed)  # noqa: S311 - the same callers in every run
        self.serial = first

    async def call(self) -> str:
        """Make one call; return its linked id once it is answered."""
        linkedid = f"1764000000.{self.serial + 1}"  # as the environment of the next call has it
        call = Call(self, asyncio.get_running_loop().create_future())
        try:
            await asyncio.get_running_loop().create_connection(lambda: call, self.host, self.port)
        except OSError:
            self.failed += 1
        else:
            await call.over
        return linkedid


async def at_random(
    rate: float, seconds: float, rng: random.Random, group: asyncio.TaskGroup, job: Callable[[], Coroutine[Any, Any, T]]
) -> list[asyncio.Task[T]]:
    """Start `job` `rate` times a second on average, at independent random times; return the tasks."""
    began = due = perf_counter()
    tasks: list[asyncio.Task[T]] = []
    while (due := due + rng.expovariate(rate)) < began + seconds:
        await asyncio.sleep(max(0.0, due - perf_counter()))
        tasks.append(group.create_task(job(), name=f"call {len(tasks)}"))
    return tasks


class Script:
    """Says what an Asterisk would say of calls that go through, step by step, without anybody waiting for anything."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        self._next = 0

    def caller(self, linkedid: str) -> Channel:
        """Announce the caller's own channel."""
        name = f"PJSIP/trunk-{int(linkedid.partition('.')[2]):08x}"
        caller = Channel(name, linkedid, linkedid, "+380670000000", "", "0800500500", state=ChannelState.RING)
        self._lab.switch.channels[linkedid] = caller
        self._lab.switch.tell("Newchannel", "call", caller.headers())
        return caller

    def end(self, channel: Channel) -> None:
        """Take a channel down."""
        self._lab.switch.hang_up(channel)

    def passed_over(self) -> None:
        """Say something that is read over: a change of state."""
        channel = Channel("PJSIP/1-00000001", "1.1", "1.1", "+380670000000")
        self._lab.switch.tell("Newstate", "call", channel.headers())

    def handled(self, caller: Channel) -> None:
        """Say two things that are taken to heart and change no screen: a second leg comes and goes."""
        leg = self._lab.switch.new("PJSIP/trunk", linkedid=caller.linkedid)
        self._lab.switch.hang_up(leg)

    def member(self) -> None:
        """Say how a member of the queue is, as Asterisk does at every change of each."""
        phone = next(iter(self._lab.switch.phones.values()))
        self._lab.switch.set_phone(phone, "1")

    def ring(self, caller: Channel) -> Channel:
        """Let the next operator's phone ring: Newchannel, AgentCalled, DialBegin."""
        phones = list(self._lab.switch.phones.values())
        plan = phones[self._next % len(phones)].plan
        self._next += 1
        leg = self._lab.switch.new(plan.device, linkedid=caller.linkedid, number=plan.extension, exten=plan.extension)
        member = (("Queue", QUEUE), ("Interface", plan.interface), ("MemberName", plan.member_name))
        self._lab.switch.tell("AgentCalled", "agent", (*caller.headers(), *leg.headers("Dest"), *member))
        self._lab.switch.tell("DialBegin", "call", (*caller.headers(), *leg.headers("Dest"), ("DialString", plan.extension)))
        return leg

    def answered(self, caller: Channel, leg: Channel) -> None:
        """Let it be picked up: DialEnd."""
        self._lab.switch.tell("DialEnd", "call", (*caller.headers(), *leg.headers("Dest"), ("DialStatus", "ANSWER")))


@asynccontextmanager
async def heard(config: LabConfig) -> AsyncIterator[Lab]:
    """Open a simulated Asterisk."""
    async with Lab(config) as lab:
        yield lab
