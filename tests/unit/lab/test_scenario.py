"""Scenario files: what they may say, what is told of mistakes, and stories in words."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from ctiroute.errors import ConfigurationError
from ctiroute.lab import Behaviour, Lab, LabConfig, LabMenu, LabPhone, LabQueue, Strategy, Transfer, scenario

if TYPE_CHECKING:
    from tests.unit.lab.conftest import AgiPeer, Clock

WHOLE = """
phones:
  - {extension: "1001", name: Ann Lee, answer_after: 3, talk: 9, transfer: attended, transfer_to: "1002", consult: 2}
  - {extension: "1002", technology: SIP, local: true, answer_after: never}
queues:
  promo: {phones: ["1001", "1002"], strategy: ringall, ring: 15, retry: 2, timeout: 60}
menus:
  sales: {listen: 5, queue: promo}
calls:
  - {from: "+380671234567", to: "0800123456", name: Olena}
  - {from: "", to: "0800123456", after: 2, patience: 10, phones: {"1001": {answer_after: never}}}
"""


def test_whole_file() -> None:
    """Every key has its place."""
    found = scenario.read(WHOLE, "floor.yml", LabConfig(agi_port=1, speed=5))
    assert found.config == LabConfig(
        phones=(
            LabPhone("1001", "Ann Lee", behaviour=Behaviour(3, 9, Transfer.ATTENDED, "1002", 2)),
            LabPhone("1002", technology="SIP", local=True, behaviour=Behaviour(None)),
        ),
        queues=(LabQueue("promo", ("1001", "1002"), Strategy.ALL, 15, 2, 60),),
        menus=(LabMenu("sales", 5, "promo"),),
        default_menu="sales",
        agi_port=1,
        speed=5,
    )
    assert found.calls == (
        scenario.PlannedCall("+380671234567", "0800123456", "Olena"),
        scenario.PlannedCall("", "0800123456", after_s=2, patience_s=10, script={"1001": Behaviour(None)}),
    )


def test_least_file() -> None:
    """Phones alone make a floor with the ordinary menu."""
    found = scenario.read('phones: [{extension: "1001"}]', "floor.yml")
    assert (found.config.menus, found.config.default_menu, found.calls) == ((LabMenu("main"),), "main", ())


@pytest.mark.parametrize(
    ("written", "messages"),
    [
        ("queues: {}", ["1:1: phones is missing", "expected a mapping with at least one entry"]),
        ('phones: [{extension: "1", answer_after: soon}]', ["expected a number of seconds, or never"]),
        ('phones: [{extension: "1", transfer: telepathy, colour: red}]', ["expected one of: blind", "is not known in a phone"]),
        ('phones: [{extension: "1"}]\nqueues: {q: {phones: ["2"]}}', ["queue q names a phone that is not there: 2"]),
        ('phones: [{extension: "1"}]\ncalls: [{to: "5"}, {from: [], to: "5"}]', ["from is missing", "expected text, not a list"]),
    ],
)
def test_mistakes(written: str, messages: list[str]) -> None:
    """All mistakes of a file come in one run, each with its place."""
    with pytest.raises(ConfigurationError) as error:
        scenario.read(written, "floor.yml")
    assert all(re.match(r"floor\.yml:\d+:\d+: ", str(fault)) for fault in error.value.faults)
    for message in messages:
        assert message in str(error.value)


async def test_play_and_tell(agi: AgiPeer, clock: Clock) -> None:
    """The calls are made, and each is told in two lines."""
    agi.say(action="queue", queue="promo", rule="autumn", status="routed")
    found = scenario.read(WHOLE, "floor.yml", LabConfig(agi_port=agi.port))
    async with Lab(found.config, clock.sleep) as lab:
        stories = await scenario.play(lab, found.calls)
    first, second = (scenario.tell(story) for story in stories)
    assert re.fullmatch(r"\+380671234567 Olena called 0800123456: queue promo \(routed, rule autumn, \d+\.\d ms\)", first[0])
    assert first[1] == "    1001 answered, 1002 elsewhere; completed", "1002 rings for the second call and is not asked"
    assert second[0].startswith("withheld number called 0800123456: queue promo")
    assert stories[1].outcome == "abandoned"


async def test_tell_a_call_that_was_not_answered(agi: AgiPeer, clock: Clock) -> None:
    """Where ctiroute gave no answer, the reason is told."""
    async with Lab(LabConfig(agi_port=agi.port), clock.sleep) as lab:
        story = await lab.call("+380671234567", "0800123456")
    assert scenario.tell(story) == (
        "+380671234567 called 0800123456: default way, because the session was closed without an answer",
        "    nobody rang; default",
    )
    story.failure = ""
    assert scenario.tell(story)[0].endswith("default way")
    story.transfers = [("blind", "1001", "1002")]
    story.decision_ms = 1.0
    assert scenario.tell(story)[1] == "    nobody rang; blind transfer 1001 to 1002; default"
