"""Several nodes as plain processes: the topology of docker/compose.yml without containers. `make cluster` tries it out.

Two `ctiroute serve` on one PostgreSQL and one Valkey, a balancer before their screens; the dialplan, real or simulated, asks the nodes
in turn. Everything listens on 127.0.0.1 at free ports, keeps its data in one temporary folder, and ends with the launcher.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import secrets
import signal
import sys
import tempfile
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import cycle, islice
from pathlib import Path
from typing import TYPE_CHECKING, Self

from ctiroute.demo import company, show, stories
from ctiroute.lab.lab import Lab
from ctiroute.lab.plan import LabCall, LabConfig
from ctiroute.store import open_store
from tests.real import postgres
from tests.real.asterisk import CTIROUTE
from tests.real.balancer import Balancer
from tests.real.operators import OperatorScreen, sign_in
from tests.real.ports import free_port
from tests.real.redis import RealRedis
from tests.real.service import RULES, RunningService

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from types import TracebackType

    from ctiroute.store.base import Store
    from tests.real.service import Pbx

POP_S = 5.0  # until a pop must be on a screen, or is taken for lost
PAUSE_S = 4.0  # of the simulation's seconds, between two calls


@dataclass(frozen=True, slots=True)
class SimulatedPbx:
    """Where the lab's Asterisk is to be heard; which nodes it asks is the lab's own affair."""

    ami_port: int
    agi_port: int = 0


class Cluster:
    """Nodes, their servers, and the balancer. `store` is the nodes' own, open in this process too, to put things in."""

    nodes: list[RunningService]
    store: Store

    def __init__(
        self, folder: Path, asterisk: Pbx, *, count: int = 2, queue: str = "pair", rules: str | Path = RULES, port: int = 0
    ) -> None:
        """Plan `count` nodes in a folder that is there. `port`: of the balancer."""
        self._folder = folder
        self._asterisk = asterisk
        self._queue, self._rules = queue, rules
        self._port = port
        self.agi_ports = [free_port() for _ in range(count)]
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            self.postgres = await asyncio.to_thread(stack.enter_context, postgres.running())
            self.redis = await stack.enter_async_context(RealRedis(self._folder / "valkey"))
            self.store_url = self.postgres.url()
            self.store = open_store(self.store_url)
            stack.push_async_callback(self.store.close)
            await self.store.open()
            more = f"store: {self.store_url}\nredis: {self.redis.url}\n"
            self.nodes = [
                RunningService(
                    self._folder / f"node-{number}", self._asterisk, queue=self._queue, rules=self._rules, agi_port=agi_port, more=more
                )
                for number, agi_port in enumerate(self.agi_ports, 1)
            ]
            for node in self.nodes:
                stack.push_async_callback(node.stop)
            await asyncio.gather(*(node.start() for node in self.nodes))
            self.balancer = await stack.enter_async_context(Balancer([node.web_port for node in self.nodes], self._port))
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self._stack.aclose()
        if error is not None and not isinstance(error, asyncio.CancelledError):
            for number, node in enumerate(self.nodes, 1):
                sys.stderr.write(f"--- log of node {number}\n{node.log()}\n")

    @property
    def url(self) -> str:
        """Address of the screens, behind the balancer."""
        return f"http://127.0.0.1:{self.balancer.port}"

    @property
    def agi_list(self) -> str:
        """The nodes as CTI_SITE_AGI has them."""
        return "&".join(f"agi://127.0.0.1:{port}/route" for port in self.agi_ports)


@dataclass(frozen=True, slots=True)
class Told:
    """What became of one call."""

    number: int
    story: stories.Story
    call: LabCall
    node: int | None  # that decided, from 1; None: none did
    ring_to_pop_ms: float | None  # the slowest of its pops; None: no phone rang, or a pop never came
    good: bool  # decided, and every pop came once, with its context

    def as_json(self) -> dict[str, object]:
        """Return it for a script."""
        return {
            "call": self.number,
            "story": self.story.key,
            "from": self.story.number,
            "node": self.node,
            "status": self.call.status,
            "rule": self.call.variables.get("CTI_RULE"),
            "destination": f"{self.call.way} {self.call.target}".strip(),
            "decision_ms": None if self.call.decision_ms is None else round(self.call.decision_ms, 2),
            "ring_to_pop_ms": None if self.ring_to_pop_ms is None else round(self.ring_to_pop_ms, 2),
            "good": self.good,
        }

    def as_text(self) -> str:
        """Return it for a person."""
        pop = "no phone rang"
        if self.call.rings:
            pop = "a pop is MISSING" if self.ring_to_pop_ms is None else f"pop {self.ring_to_pop_ms:.0f} ms after the ring"
        node = f"node {self.node}" if self.node else f"no node ({self.call.failure})"
        return f"{self.number:3}  {self.story.number} {self.story.shows}: {node} → {self.call.way} {self.call.target}; {pop}"


class Trial:
    """A cluster with the demo's company around a simulated Asterisk, and its operators at their screens."""

    def __init__(self, folder: Path, *, port: int, speed: float) -> None:
        self.password = secrets.token_hex(5)
        pbx = SimulatedPbx(free_port())
        self.cluster = Cluster(folder, pbx, rules=show.RULES, port=port)
        first, *others = self.cluster.agi_ports
        config = LabConfig(
            phones=stories.PHONES,
            queues=stories.QUEUES,
            menus=stories.MENUS,
            agi_port=first,
            more_agi_ports=tuple(others),
            ami_port=pbx.ami_port,
            username=CTIROUTE[0],
            secret=CTIROUTE[1],
            speed=speed,
        )
        self._lab = Lab(config)
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(self._lab)
            await stack.enter_async_context(self.cluster)
            await company.seed(self.cluster.store, datetime.now(UTC), self.password)
            self._screens = {}
            for operator in company.OPERATORS:
                cookies = await sign_in(self.cluster.url, operator.operator_id, self.password)
                screen = OperatorScreen(self.cluster.url, operator.operator_id, cookies)
                self._screens[operator.extension] = await stack.enter_async_context(screen)
                async with asyncio.timeout(POP_S):
                    await screen.connected.wait()
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self._stack.aclose()

    async def calls(self, count: int | None) -> AsyncIterator[Told]:
        """Make `count` calls (None: for ever), each asked of the next node first."""
        for number, story in enumerate(islice(cycle(stories.STORIES), count), 1):
            await self.cluster.store.put_touches(company.company(datetime.now(UTC)).touches)  # the offer stays 12 minutes old
            call = await self._lab.call(story.number, company.DIALED, story.name, script=story.script)
            yield await self._told(number, story, call)
            await self._lab.elapse(PAUSE_S)

    async def _told(self, number: int, story: stories.Story, call: LabCall) -> Told:
        late: list[float] = []
        good = bool(call.status)
        for ring in call.rings:
            screen = self._screens[ring.extension]
            try:
                pop = await screen.until_seen(f"pbx:{call.linkedid}", POP_S)
            except TimeoutError:
                good = False
                continue
            late.append((pop.first_at - ring.rang_at) * 1000)
            good = good and pop.whole_at is not None and pop.announced == 1
        node = None if call.decided_at is None else self.cluster.agi_ports.index(call.decided_at) + 1
        return Told(number, story, call, node, max(late) if late and len(late) == len(call.rings) else None, good)

    def where(self) -> dict[str, object]:
        """Return where everything is."""
        return {
            "screens": self.cluster.url,
            "operators": {operator.operator_id: self.password for operator in company.OPERATORS},
            "nodes": [
                {"pid": node.pid, "agi": f"agi://127.0.0.1:{node.agi_port}/route", "screens": node.url, "folder": str(node.folder)}
                for node in self.cluster.nodes
            ],
            "store": self.cluster.store_url,
            "redis": self.cluster.redis.url,
            "manager": self._lab.ami_port,
        }

    def welcome(self) -> str:
        """Return the same for a person."""
        lines = [f"screens     {self.cluster.url}/   sign in as {company.YOU} / {self.password}"]
        for number, node in enumerate(self.cluster.nodes, 1):
            lines.append(f"node {number}      agi://127.0.0.1:{node.agi_port}/route   {node.url}/   pid {node.pid}   {node.folder}")
        lines += [
            f"PostgreSQL  {self.cluster.store_url}",
            f"Valkey      {self.cluster.redis.url}",
            f"Asterisk    simulated, manager interface at 127.0.0.1:{self._lab.ami_port}",
            f"Calls come in every few seconds. Try kill -9 {self.cluster.nodes[0].pid} and watch the screen; Ctrl-C ends all of it.",
        ]
        return "\n".join(lines)


async def run(arguments: argparse.Namespace) -> int:
    """Run the trial until its calls are made, or a signal comes."""
    this = asyncio.current_task()
    assert this is not None
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, this.cancel)
    good = True
    with (
        tempfile.TemporaryDirectory(prefix="ctiroute-cluster-", ignore_cleanup_errors=True) as folder,
        contextlib.suppress(asyncio.CancelledError),
    ):
        async with Trial(Path(folder), port=arguments.port, speed=arguments.speed or (8.0 if arguments.exit else 1.0)) as trial:
            print(json.dumps(trial.where()) if arguments.json else trial.welcome(), flush=True)  # noqa: T201 - a command
            async for told in trial.calls(arguments.calls):
                good = good and told.good
                print(json.dumps(told.as_json()) if arguments.json else told.as_text(), flush=True)  # noqa: T201
            if not arguments.exit:
                await asyncio.Event().wait()
    return 0 if good else 1


def main() -> int:
    """Read the command line and run. Exit code 1: a call was not decided, or a pop did not come once and whole."""
    parser = argparse.ArgumentParser(
        prog="make cluster", description="Two nodes on one PostgreSQL and one Valkey, tried with the demo's calls."
    )
    parser.add_argument("--calls", type=int, metavar="N", help="so many calls (default: until Ctrl-C, with --exit one of each story)")
    parser.add_argument("--exit", action="store_true", help="end after the calls")
    parser.add_argument("--json", action="store_true", help="print one JSON object a line: where everything is, then each call")
    parser.add_argument("--speed", type=float, metavar="N", help="how fast the simulated seconds pass (default: 1, with --exit 8)")
    parser.add_argument("--port", type=int, default=0, help="port of the screens (default: any free one)")
    arguments = parser.parse_args()
    if arguments.exit and arguments.calls is None:
        arguments.calls = len(stories.STORIES)
    return asyncio.run(run(arguments))


if __name__ == "__main__":
    sys.exit(main())
