"""The operator who knows the matter is rung first, for a bounded time and only while free: on a real Asterisk, with the service's own eyes.

`last` is who talked last with this caller, `owner` who handles the interaction the rule is about. Sofia (1003) is a member of a queue, so
ctiroute hears how her phone is; Ivan (1004) is in none, and Asterisk itself is asked when his phone is to be rung.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from ctiroute.model import CallRecord, Identifier, IdentifierKind, Interaction, InteractionStatus, Medium, Outcome
from ctiroute.store import open_store
from tests.real.operators import OperatorScreen, sign_in
from tests.real.service import PASSWORD, RunningService

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path

    from tests.real.asterisk import RealAsterisk
    from tests.real.sipp import Caller
    from tests.real.softphone import SoftPhone

    Callers = Callable[..., Awaitable[Caller]]
    Phones = Callable[[str], Awaitable[SoftPhone]]

NEWCOMER, KNOWN, OWNED, STRAY = "+380671234567", "+380671234568", "+380671234569", "+380671234570"
CREDIT_LINE, OFFICE = "+380445550001", "+380445550000"
OPERATORS = {"olena": "1001", "sofia": "1003", "ivan": "1004"}
RULES = f"""
rules:
  - name: credit-line
    when: {{dialed: "{CREDIT_LINE}"}}
    then: {{queue: credit}}
  - name: open-request
    when: {{interaction: {{owner: anybody}}}}
    then: {{operator: {{who: owner, for: 4s}}, queue: solo, pop: {{headline: "{{interaction.title}}"}}}}
  - name: known-voice
    when: {{dialed: "{OFFICE}"}}
    then: {{operator: {{who: last, for: 4s}}, queue: solo, pop: {{headline: "Has called before"}}}}
default: {{menu: main}}
"""
AT_ONCE_S = 1.5  # from the call until the next phone rings, when nobody's phone had to be waited for


@pytest.fixture
async def service(asterisk: RealAsterisk, tmp_path: Path) -> AsyncIterator[RunningService]:
    """Run ctiroute where one caller has talked with Sofia, one's request is hers, and one's is Ivan's."""
    running = RunningService(tmp_path / "ctiroute", asterisk, rules=RULES)
    for operator_id, extension in OPERATORS.items():
        await running.add_operator(operator_id, extension)
    store = open_store(f"sqlite://{running.folder / 'data' / 'ctiroute.db'}")
    await store.open()
    now = datetime.now(UTC)
    earlier = now - timedelta(hours=3)
    talked = CallRecord("pbx:1.1", caller_phone=KNOWN, received_at=earlier, operator_id="sofia", outcome=Outcome.ANSWERED)
    await store.record_calls([talked])
    request = Interaction("i1", None, Medium.WEB, "credit", "Credit request", InteractionStatus.OPEN, earlier, earlier, owner="sofia")
    requests = (
        replace(request, identifier=Identifier(IdentifierKind.PHONE, OWNED)),
        replace(request, interaction_id="i2", owner="ivan", identifier=Identifier(IdentifierKind.PHONE, STRAY)),
    )
    await store.put_interactions(requests)
    await store.close()
    async with running:
        yield running


async def _recorded(service: RunningService, operator_id: str, number: str) -> None:
    """Wait until the service has written down who talked with this caller."""
    store = open_store(f"sqlite://{service.folder / 'data' / 'ctiroute.db'}")
    await store.open()
    try:
        async with asyncio.timeout(5):
            while True:
                now = datetime.now(UTC)
                calls = await store.calls_between(now - timedelta(minutes=5), now, None, 10)
                if (operator_id, number) in {(call.operator_id, call.caller_phone) for call in calls}:
                    return
                await asyncio.sleep(0.05)  # asked again until it is so
    finally:
        await store.close()


async def test_the_last_operator_is_who_answered_the_last_call(
    asterisk: RealAsterisk, service: RunningService, phones: Phones, callers: Callers
) -> None:
    """Learnt from a real call: who answered the credit line is rung when the same caller dials the office."""
    sofia, olena = await phones("1003"), await phones("1001")
    first = await callers(NEWCOMER, CREDIT_LINE)
    leg = await sofia.ringing()
    await leg.answer()
    await first.wait("answered")
    await first.hang_up()
    await leg.ended()
    await asterisk.no_channels()
    await _recorded(service, "sofia", NEWCOMER)
    cookies = await sign_in(service.url, "sofia", PASSWORD)
    async with OperatorScreen(service.url, "sofia", cookies) as screen:
        await screen.connected.wait()
        await callers(NEWCOMER, OFFICE)
        again = await sofia.ringing()
        assert again.caller == NEWCOMER
        async with asyncio.timeout(5), screen.changed:
            await screen.changed.wait_for(lambda: any(pop.whole_at for pop in screen.pops.values()))
        assert [(pop.headline, pop.rule) for pop in screen.pops.values()] == [("Has called before", "known-voice")]
    assert not olena.legs


@pytest.mark.parametrize("number", [KNOWN, OWNED])
async def test_the_preferred_operator_is_rung_for_a_bounded_time(
    service: RunningService, phones: Phones, callers: Callers, number: str
) -> None:
    """Who does not answer keeps the caller as long as the rule says, and no longer: then the queue rings."""
    sofia, olena = await phones("1003"), await phones("1001")
    await callers(number, OFFICE)
    leg = await sofia.ringing()
    rang = time.monotonic()
    assert not olena.legs
    await olena.ringing(timeout_s=8.0)
    assert 3.0 < time.monotonic() - rang < 5.5
    assert await leg.ended() == "cancelled"


@pytest.mark.parametrize("number", [KNOWN, OWNED])
async def test_the_preferred_operator_answers(
    asterisk: RealAsterisk, service: RunningService, phones: Phones, callers: Callers, number: str
) -> None:
    """Talk, and nobody else's phone rings."""
    sofia, olena = await phones("1003"), await phones("1001")
    caller = await callers(number, OFFICE)
    leg = await sofia.ringing()
    await leg.answer()
    await caller.wait("answered")
    await caller.hang_up()
    assert await leg.ended() == "hung up on"
    await asterisk.no_channels()
    assert not olena.legs


@pytest.mark.parametrize(
    ("number", "extension", "away"),
    [
        *((number, "1003", away) for number in (KNOWN, OWNED) for away in ("paused", "talking", "unplugged", "ringing")),
        *((STRAY, "1004", away) for away in ("talking", "unplugged", "ringing")),
    ],
)
async def test_who_is_away_keeps_nobody_waiting(
    asterisk: RealAsterisk, service: RunningService, phones: Phones, callers: Callers, number: str, extension: str, away: str
) -> None:
    """Paused, in another call, being rung for one, or with the phone off the net: the queue rings at once, as if nobody was preferred."""
    olena = await phones("1001")
    phone = None if away == "unplugged" else await phones(extension)
    async with asterisk.ami() as ami:
        if away == "paused":
            await ami.act("QueuePause", Interface=f"PJSIP/{extension}", Paused="true")
        elif away == "talking" and phone is not None:
            await (await phone.call("hall")).answered.wait()
        elif away == "ringing" and phone is not None:
            other = await phones("1002")
            await other.call(extension)
            await phone.ringing()
        began = time.monotonic()
        try:
            await callers(number, OFFICE)
            assert (await olena.ringing()).caller == number
            assert time.monotonic() - began < AT_ONCE_S
        finally:
            await ami.act("QueuePause", Interface=f"PJSIP/{extension}", Paused="false")
    if phone is not None:
        assert number not in [leg.caller for leg in phone.legs.values()]
