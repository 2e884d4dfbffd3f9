"""Runs the demo: the real service on an embedded store in a folder of its own, the lab beside it, and one call after the other."""

from __future__ import annotations

import asyncio
import errno
import itertools
import secrets
import socket
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

from ctiroute.app.service import Service, utc_now
from ctiroute.demo.company import COLLEAGUE, DIALED, OPERATORS, YOU, company, seed
from ctiroute.demo.stories import COLLEAGUES_PHONE, MENUS, PHONES, QUEUES, STORIES, YOUR_PHONE, Story
from ctiroute.demo.watcher import Watcher
from ctiroute.errors import LinkError
from ctiroute.lab.lab import Lab
from ctiroute.lab.plan import LabCall, LabConfig
from ctiroute.settings import AsteriskSettings, FastAgiSettings, Settings, WebSettings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from types import TracebackType

    from ctiroute.web.wire import Ack

RULES = Path(__file__).parent / "rules"
PBX = "lab"
TICKET_S = 1800.0  # the link printed for the visitor: used once, and not left open for the day
ACK_S = 5.0  # for the last acknowledgement after a call is over
START_S = 10.0
TRIES = 5  # for ports; each demo that starts beside this one may cost one or two
_OPERATOR_OF = {YOUR_PHONE: YOU, COLLEAGUES_PHONE: COLLEAGUE}


@dataclass(frozen=True, slots=True)
class Report:
    """What became of one call of the demo."""

    number: int
    story: Story
    call: LabCall
    ring_to_pop_ms: float | None  # the slowest of its pops; None: no phone rang, or a pop never came
    acked: bool | None  # every pop was acknowledged to the service; None: no phone rang

    @property
    def destination(self) -> str:
        """Where the call went, in words: "queue promo"."""
        return f"{self.call.way} {self.call.target}".strip()


class Demo:
    """The whole of it. `web_port` and `agi_port` are wishes: where one is taken, another is used."""

    def __init__(self, folder: Path, *, web_port: int, agi_port: int, speed: float) -> None:
        self.wanted = {"screens": web_port, "FastAGI": agi_port}
        self.password = secrets.token_hex(5)  # of every operator; made anew each time, since other users of this machine reach the port
        self.ports: dict[str, int] = {}  # what was got, as `wanted`
        self._speed = speed
        self._folder = folder
        self._acked: set[str] = set()
        self._ack_came = asyncio.Event()
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        for left in reversed(range(TRIES)):
            self.ports = {what: free_port(port) for what, port in self.wanted.items()}
            try:
                await self._start()
            except OSError as error:  # another demo, started in the same moment, was quicker to have the port
                if error.errno != errno.EADDRINUSE or not left:
                    raise
            else:
                break
        return self

    async def _start(self) -> None:
        """Start everything at the ports that were found, or raise and leave nothing running."""
        async with AsyncExitStack() as stack:
            config = LabConfig(phones=PHONES, queues=QUEUES, menus=MENUS, agi_port=self.ports["FastAGI"], speed=self._speed)
            self._lab = await stack.enter_async_context(Lab(config))
            self.service = Service(
                Settings(
                    data_dir=self._folder,
                    rules=RULES,
                    fastagi=FastAgiSettings(port=self.ports["FastAGI"]),
                    asterisk=(AsteriskSettings(name=PBX, port=self._lab.ami_port, username=config.username, secret=config.secret),),
                    web=WebSettings(port=self.ports["screens"]),
                )
            )
            await self.service.start()
            stack.push_async_callback(self.service.stop)
            await seed(self.service.store, utc_now(), self.password)
            self.service.floor.set_operators(OPERATORS)
            self.service.acks.listeners.append(self._take_ack)
            self._watchers = {
                operator.operator_id: await stack.enter_async_context(Watcher(self.url, self._ticket(operator.operator_id)))
                for operator in OPERATORS
            }
            try:
                async with asyncio.timeout(START_S):
                    for watcher in self._watchers.values():
                        await watcher.connected.wait()
                    await self._lab.listener(START_S)
            except TimeoutError as error:
                raise LinkError(f"the parts of the demo did not find each other within {START_S:g} s; is the machine very busy?") from error
            self._stack = stack.pop_all()

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self._stack.aclose()

    @property
    def url(self) -> str:
        """Address of the screens."""
        return f"http://127.0.0.1:{self.service.web.port}"

    def link(self) -> str:
        """Return a link that opens your screen, signed in, once."""
        return f"{self.url}/#ticket={self._ticket(YOU)}"

    async def calls(self, count: int | None, pause_s: float) -> AsyncIterator[Report]:
        """Make `count` calls (None: for ever), one after the other."""
        for number, story in enumerate(itertools.islice(itertools.cycle(STORIES), count), 1):
            await self.service.store.put_touches(company(utc_now()).touches)  # the offer stays 12 minutes old, however long this runs
            self._watchers[COLLEAGUE].note = story.note
            call = await self._lab.call(story.number, DIALED, story.name, script=story.script)
            yield await self._report(number, story, call)
            await self._lab.elapse(pause_s)

    async def _report(self, number: int, story: Story, call: LabCall) -> Report:
        if not call.rings:
            return Report(number, story, call, None, None)
        pops = [self._pop_of(call, ring.extension) for ring in call.rings]
        known = [pop for pop in pops if pop is not None]
        try:
            async with asyncio.timeout(ACK_S):
                while not self._acked.issuperset(known):
                    self._ack_came.clear()
                    await self._ack_came.wait()
        except TimeoutError:
            pass
        acked = len(known) == len(pops) and self._acked.issuperset(known)
        late = [
            (self._watchers[_OPERATOR_OF[ring.extension]].seen[pop] - ring.rang_at) * 1000
            for ring, pop in zip(call.rings, pops, strict=True)
            if pop is not None
        ]
        return Report(number, story, call, max(late) if len(late) == len(pops) else None, acked)

    def _pop_of(self, call: LabCall, extension: str) -> str | None:
        """Return the pop of this call on the screen of who has this phone."""
        calls = self._watchers[_OPERATOR_OF[extension]].calls
        return next((pop_id for pop_id, call_id in calls.items() if call_id == f"{PBX}:{call.linkedid}"), None)

    def _take_ack(self, ack: Ack) -> None:
        self._acked.add(ack.pop_id)
        self._ack_came.set()

    def _ticket(self, operator_id: str) -> str:
        return self.service.web.issue_ticket(operator_id, TICKET_S)


def free_port(wanted: int) -> int:
    """Return this port of 127.0.0.1 when it is free, else another that is."""
    for port in (wanted, 0):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            found: int = probe.getsockname()[1]
            return found
    raise OSError("no free port at 127.0.0.1")
