"""A snapshot of a switch, turned into the events we must have missed. After them the desk believes what the switch says.

What came while we were not listening is found out by comparing: legs that are there and new to us, phones that ring or talk without
a pop, and legs of ours that are gone. The rest of the desk needs no second way to learn these things.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from ctiroute.desk.live import age_of
from ctiroute.model import LegEnded, LegStarted, Member, OfferAnswered, OfferStarted, QueueJoined

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from ctiroute.desk.live import Register
    from ctiroute.desk.matching import Directory
    from ctiroute.model import LiveLeg, SwitchSnapshot

Missed = LegStarted | LegEnded | QueueJoined | OfferStarted | OfferAnswered

# A leg that came up while the switch was listing its channels may be missing from the list. It is not gone: had it ended,
# we had heard that, for we were listening by then.
LISTING = timedelta(seconds=2)


def missed_events(register: Register, directory: Directory, snapshot: SwitchSnapshot, lost_at: datetime | None) -> Iterator[Missed]:
    """Yield what must have happened between `lost_at` (None: never connected before) and the snapshot.

    Lazily: each event is meant to be handled before the next is asked for.
    """
    at = snapshot.at
    queues = dict(snapshot.waiting)
    calls: dict[str, list[LiveLeg]] = {}
    for leg in snapshot.legs:
        calls.setdefault(leg.call_id, []).append(leg)
    # Calls that an operator started come last: whom he talks with must be known before we can see that he consults.
    for call_id, legs in sorted(
        calls.items(), key=lambda item: any(leg.leg_id == item[0] and directory.at_interface(leg.interface) for leg in item[1])
    ):
        legs.sort(key=lambda leg: age_of(leg.leg_id))
        known = register.call(call_id)
        if known is None:
            own = next((leg for leg in legs if leg.leg_id == call_id), None)
            yield LegStarted(call_id, call_id, own.interface if own else "", own.number if own else "", "", at)
        for leg in legs:
            yield LegStarted(call_id, leg.leg_id, leg.interface, leg.number, "", at)
        if known is None and all(leg.leg_id != call_id for leg in legs):
            yield LegEnded(call_id, call_id, at)  # who called is gone, the call went on without him
        if call_id in queues and (known is None or known.joined_at is None):
            yield QueueJoined(call_id, queues[call_id], at)
        yield from _rings(directory, call_id, legs, queues.get(call_id), at)
    yield from _gone(register, snapshot, lost_at)


def _gone(register: Register, snapshot: SwitchSnapshot, lost_at: datetime | None) -> Iterator[Missed]:
    """Yield the end of every leg we believe in and the switch does not have."""
    present = {leg.leg_id for leg in snapshot.legs}
    for call in register:
        if call.call_id.partition(":")[0] != snapshot.pbx:
            continue
        for leg_id, live in tuple(call.legs.items()):
            fresh = snapshot.at - live.since < LISTING and (lost_at is None or live.since > lost_at)
            if leg_id not in present and not fresh:
                call.lost_sight = True
                yield LegEnded(call.call_id, leg_id, snapshot.at)


def _rings(directory: Directory, call_id: str, legs: list[LiveLeg], queue: str | None, at: datetime) -> Iterator[Missed]:
    """Yield the phones of operators that ring or talk in this call."""
    phones = [leg for leg in legs if leg.leg_id != call_id and directory.at_interface(leg.interface)]
    devices = {operator.operator_id for leg in phones if not _is_local(leg) for operator in directory.at_interface(leg.interface)}
    for leg in phones:
        member = Member(leg.interface)
        yield OfferStarted(call_id, leg.leg_id, member, at, queue)
        # A Local leg is up as soon as its dialplan runs; only the device tells whether somebody picked up.
        by_device = any(operator.operator_id in devices for operator in directory.at(member))
        if leg.up and not (_is_local(leg) and by_device):
            yield OfferAnswered(call_id, leg.leg_id, member, at, queue)


def _is_local(leg: LiveLeg) -> bool:
    return leg.interface.lower().startswith("local/")
