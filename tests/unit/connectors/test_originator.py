"""The link that places callbacks, against a manager interface in memory: asked once, told of everything, honest about what is uncertain."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from ctiroute.connectors.asterisk.ami_connection import AmiTiming
from ctiroute.connectors.asterisk.originator import Originator
from ctiroute.model.callback import CallbackHeard, CallbackPlaced, CallbackPlacing, CallbackStage, FirstRung
from ctiroute.settings import AsteriskSettings
from tests.unit.connectors.test_ami_link import RNG, SECRET, AmiServer, block

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping

QUICK = AmiTiming(connect_s=2, answer_s=0.3, list_s=0.3, ping_every_s=60, ping_answer_s=60)
PLACING = CallbackPlacing("cb1", 4, "+380671234567", FirstRung.OPERATOR, "PJSIP/1", queue="promo")


class Switch(AmiServer):
    """Takes an Originate."""

    def _answer(self, action: Mapping[str, str], writer: asyncio.StreamWriter) -> None:
        if action["Action"] == "Originate" and not {"Originate"} & (self.silent | set(self.refusals)):
            writer.write(block(("Response", "Success"), ("ActionID", action["ActionID"]), ("Message", "Originate successfully queued")))
        else:
            super()._answer(action, writer)


class Sink:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.heard: list[CallbackHeard] = []
        self.placeable_times = 0
        self.fails = False
        self._news = asyncio.Condition()

    def told(self, event: CallbackHeard) -> None:
        """Keep it."""
        self.heard.append(event)
        if self.fails:
            raise ValueError("a fault downstream")

    def placeable(self) -> None:
        """Count it."""
        self.placeable_times += 1

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until something is so."""
        async with asyncio.timeout(10):
            while not condition():  # noqa: ASYNC110 - the sink is told synchronously
                await asyncio.sleep(0.005)


@asynccontextmanager
async def linked(switch: Switch, *, secret: str = SECRET) -> AsyncIterator[tuple[Originator, Sink]]:
    """Run an originator beside a switch."""
    async with switch.serving():
        sink = Sink()
        account = AsteriskSettings("pbx", port=switch.port, username="ctiroute-originate", secret=secret)
        originator = Originator("pbx", account, sink, lambda: datetime.now(UTC), RNG, timing=QUICK, first_s=0.01, longest_s=0.05)
        task = asyncio.get_running_loop().create_task(originator.run(), name="originator")
        try:
            yield originator, sink
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


async def test_an_order_is_asked_for_once_and_what_follows_is_told() -> None:
    """The Originate as the dialplan needs it; user events and a failure of it, but no other order's words taken for ours."""
    switch = Switch()
    async with linked(switch) as (originator, sink):
        await sink.until(lambda: sink.placeable_times == 1)
        assert originator.fault == ""
        assert await originator.place(PLACING) is CallbackPlaced.TAKEN
        (asked,) = [action for action in switch.actions if action["Action"] == "Originate"]
        assert (asked["ChannelId"], asked["Async"], asked["Exten"]) == ("cbcb1x4", "true", "customer")
        (login,) = [action for action in switch.actions if action["Action"] == "Login"]
        assert (login["Username"], login["Events"]) == ("ctiroute-originate", "call,user")
        user = (("Event", "UserEvent"), ("UserEvent", "CtirouteCallback"), ("Order", "cb1"), ("Fence", "4"))
        switch.send(block(*user, ("Stage", "answered"), ("Side", "operator")))
        switch.send(block(("Event", "UserEvent"), ("UserEvent", "Weather"), ("Order", "cb1")))
        switch.send(block(("Event", "OriginateResponse"), ("ActionID", asked["ActionID"]), ("Response", "Failure"), ("Reason", "0")))
        await sink.until(lambda: len(sink.heard) == 2)
        assert sink.heard == [
            CallbackHeard("cb1", 4, CallbackStage.ANSWERED, FirstRung.OPERATOR),
            CallbackHeard("cb1", 4, CallbackStage.NOT_PLACED),
        ]


async def test_a_refusal_is_told_and_the_link_stays() -> None:
    """The account may not originate: nothing rings, and there is no doubt about it."""
    switch = Switch(refusals={"Originate": "Permission denied"})
    async with linked(switch) as (originator, sink):
        await sink.until(lambda: sink.placeable_times == 1)
        assert await originator.place(PLACING) is CallbackPlaced.REFUSED
        assert switch.connections == 1


async def test_without_an_answer_it_is_uncertain_and_never_sent_again() -> None:
    """Neither by a second try nor after the link broke and came back."""
    switch = Switch(silent={"Originate"})
    async with linked(switch) as (originator, sink):
        await sink.until(lambda: sink.placeable_times == 1)
        assert await originator.place(PLACING) is CallbackPlaced.UNCERTAIN
        placing = asyncio.get_running_loop().create_task(originator.place(PLACING), name="second")
        await switch.until(lambda: switch.asked("Originate") == 2)
        switch.hang_up()
        assert await placing is CallbackPlaced.UNCERTAIN
        await sink.until(lambda: sink.placeable_times == 2)
        assert switch.asked("Originate") == 2


async def test_while_the_link_is_down_nothing_is_asked() -> None:
    """The cause stands there in words, and a wrong password is named as one."""
    switch = Switch()
    async with linked(switch, secret="wrong") as (originator, sink):
        await sink.until(lambda: "password" in originator.fault or "secret" in originator.fault)
        assert await originator.place(PLACING) is CallbackPlaced.REFUSED
        assert switch.asked("Originate") == 0


@pytest.mark.parametrize("field", ["queue", "customer_channel"])
async def test_an_order_that_cannot_be_said_is_refused_before_a_byte_is_sent(field: str) -> None:
    """A value with a comma would set a variable of its own."""
    switch = Switch()
    async with linked(switch) as (originator, sink):
        await sink.until(lambda: sink.placeable_times == 1)
        placing = replace(PLACING, **{field: "a,CTI_CB_OPERATOR=PJSIP/911"})  # type: ignore[arg-type] # by name
        assert await originator.place(placing) is CallbackPlaced.REFUSED
        assert switch.asked("Originate") == 0


async def test_a_fault_downstream_costs_one_event_and_not_the_link() -> None:
    """The next one is told all the same."""
    switch = Switch()
    async with linked(switch) as (_, sink):
        await sink.until(lambda: sink.placeable_times == 1)
        sink.fails = True
        for _ in range(2):
            switch.send(
                block(("Event", "UserEvent"), ("UserEvent", "CtirouteCallback"), ("Order", "cb1"), ("Fence", "4"), ("Stage", "over"))
            )
        await sink.until(lambda: len(sink.heard) == 2)
        assert switch.connections == 1
