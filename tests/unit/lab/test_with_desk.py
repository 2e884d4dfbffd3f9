"""The lab's bytes through ctiroute's own manager link into the desk: what the lab says is what the screens show."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from prometheus_client import CollectorRegistry

from ctiroute.connectors.asterisk.ami_link import AsteriskLink
from ctiroute.connectors.asterisk.ami_metrics import AmiMetrics
from ctiroute.desk import ClosePop, Desk, RecordMissed, ShowPop, UpdatePop
from ctiroute.lab import Behaviour, Lab, LabConfig, LabPhone, LabQueue, Strategy, Transfer
from ctiroute.model import LegEnded, LegStarted, Operator, SwitchSnapshot
from ctiroute.settings.model import AsteriskSettings

if TYPE_CHECKING:
    from ctiroute.model import CallEvent
    from tests.unit.lab.conftest import AgiPeer, Clock

OPERATORS = [Operator(name, name.title(), extension=extension) for name, extension in (("ann", "1001"), ("ben", "1002"), ("cat", "1003"))]


@dataclass
class Sink:
    """A desk that hears a link, and what it wanted done, in words."""

    desk: Desk = field(default_factory=lambda: Desk(OPERATORS))
    done: list[str] = field(default_factory=list)
    synchronised: asyncio.Event = field(default_factory=asyncio.Event)
    legs: set[str] = field(default_factory=set)
    idle: asyncio.Event = field(default_factory=asyncio.Event)

    def heard(self, event: CallEvent) -> None:
        """Take an event."""
        if isinstance(event, LegStarted):
            self.legs.add(event.leg_id)
        for command in self.desk.handle(event):
            match command:
                case ShowPop(offer):
                    assert len(self.desk.visible(offer.operator_id)) == 1
                    self.done.append(f"show {offer.operator_id}")
                case UpdatePop(offer):
                    self.done.append(f"{offer.operator_id} {offer.state}")
                case ClosePop(offer):
                    self.done.append(f"close {offer.operator_id} {'elsewhere' if offer.elsewhere else offer.state}")
                case RecordMissed(offer, rang_s):
                    self.done.append(f"missed {offer.operator_id} {rang_s:g}")
                case _:
                    pass
        if isinstance(event, SwitchSnapshot):
            self.synchronised.set()
        if isinstance(event, LegEnded):
            self.legs.discard(event.leg_id)
            if not self.legs:
                self.idle.set()


def floor(agi: AgiPeer, strategy: Strategy, *, local: bool) -> LabConfig:
    """Return three phones in one queue."""
    phones = tuple(LabPhone(extension, local=local, behaviour=Behaviour(5, 60)) for extension in ("1001", "1002", "1003"))
    return LabConfig(phones, (LabQueue("promo", ("1001", "1002", "1003"), strategy),), agi_port=agi.port)


NEVER = Behaviour(None)
STORIES: dict[str, tuple[Strategy, dict[str, Behaviour], float | None, list[str]]] = {
    "answered": (Strategy.IN_TURN, {}, None, ["show ann", "ann talking", "close ann ended"]),
    "retry": (
        Strategy.IN_TURN,
        {"1001": NEVER},
        None,
        ["show ann", "close ann missed", "missed ann", "show ben", "ben talking", "close ben ended"],
    ),
    "abandoned": (Strategy.IN_TURN, {"1001": NEVER}, 7, ["show ann", "close ann missed", "missed ann"]),
    "ring all": (
        Strategy.ALL,
        {"1002": Behaviour(1)},
        None,
        ["show ann", "show ben", "show cat", "ben talking", "close ann elsewhere", "close cat elsewhere", "close ben ended"],
    ),
    "blind": (
        Strategy.IN_TURN,
        {"1001": Behaviour(1, 9, Transfer.BLIND, "1002")},
        None,
        ["show ann", "ann talking", "close ann ended", "show ben", "ben talking", "close ben ended"],
    ),
    "attended": (
        Strategy.IN_TURN,
        {"1001": Behaviour(1, 9, Transfer.ATTENDED, "1002")},
        None,
        ["show ann", "ann talking", "ann held", "show ben", "ben talking", "close ann ended", "ben talking", "close ben ended"],
    ),
    "attended, ringing": (
        Strategy.IN_TURN,
        {"1001": Behaviour(1, 9, Transfer.ATTENDED, "1002", 0)},
        None,
        ["show ann", "ann talking", "ann held", "show ben", "close ann ended", "ben ringing", "ben talking", "close ben ended"],
    ),
    "feature": (
        Strategy.IN_TURN,
        {"1001": Behaviour(1, 9, Transfer.FEATURE, "1002")},
        None,
        ["show ann", "ann talking", "ann held", "show ben", "ben talking", "close ann ended", "close ben ended"],
    ),
}


@pytest.mark.parametrize("local", [False, True], ids=["devices", "freepbx"])
@pytest.mark.parametrize("story", STORIES)
async def test_screens_follow_the_lab(story: str, local: bool, agi: AgiPeer, clock: Clock) -> None:
    """Each story, with plain and with FreePBX members, shows each operator exactly what concerns him."""
    strategy, script, patience_s, wanted = STORIES[story]
    agi.say(action="queue", queue="promo", status="routed")
    sink = Sink()
    async with Lab(floor(agi, strategy, local=local), clock.sleep) as lab, asyncio.TaskGroup() as group, asyncio.timeout(20):
        settings = AsteriskSettings("lab", port=lab.ami_port, secret="ctiroute")
        metrics = AmiMetrics(CollectorRegistry())
        link = AsteriskLink(settings, sink, metrics, lambda: datetime.now(UTC), random.Random(1))  # noqa: S311 - no secret
        running = group.create_task(link.run(), name="link")
        await sink.synchronised.wait()
        await lab.call("+380671234567", "0800123456", script=script, patience_s=patience_s)
        await sink.idle.wait()
        running.cancel()
    assert [line if not line.startswith("missed") else " ".join(line.split()[:2]) for line in sink.done] == wanted
    assert sink.desk.live_calls == ()
    assert sink.desk.unknown_offers == 0
