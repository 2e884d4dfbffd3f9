"""What the desk remembers of live calls, and its bounds. Keeps and finds; decides nothing."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from ctiroute.model import Offer, PopState

if TYPE_CHECKING:
    from collections.abc import Iterator

VISIBLE = frozenset({PopState.RINGING, PopState.TALKING, PopState.HELD})
IN_TALK = frozenset({PopState.TALKING, PopState.HELD})
KEEP_ENDED = timedelta(minutes=10)  # a note is still taken so long after the call; wrap-up is over by then
KEEP_SILENT = timedelta(hours=24)  # no call is silent so long: we missed its end
MAX_CALLS = 20_000  # about ten times the calls one Asterisk carries; 40 MB
MAX_GONE_LEGS = 1_000  # tombstones of one call; an hour of ring-all leaves fewer


@dataclass(slots=True, eq=False)
class LiveLeg:
    """One channel of a call, as far as we were told."""

    interface: str  # "" when no event named it
    since: datetime


@dataclass(slots=True, eq=False)
class LivePop:
    """An offer with what its screen does not show."""

    offer: Offer
    legs: dict[str, str] = field(default_factory=dict)  # leg -> the leg it rings for; Local;1 and the device are one ring
    source: LivePop | None = None  # the pop of the colleague who passed the call on, or consults about it
    note: str = ""  # what this operator wrote
    noted_at: datetime | None = None

    @property
    def visible(self) -> bool:
        """Say whether it stands on the screen."""
        return self.offer.state in VISIBLE


@dataclass(slots=True, eq=False)
class LiveCall:
    """One call: its legs, its pops, and what must outlive them while events may still come late."""

    call_id: str
    since: datetime
    last_at: datetime
    recorded: bool = False  # our own FastAGI session has a record of it
    legs: dict[str, LiveLeg] = field(default_factory=dict)
    gone: dict[str, None] = field(default_factory=dict)  # legs that ended, oldest first: what comes late about them is void
    done: set[str] = field(default_factory=set)  # legs whose ring or talk is over though the channel may still be up
    answered: set[str] = field(default_factory=set)  # legs that were picked up before their ring was told
    pops: list[LivePop] = field(default_factory=list)
    queue: str | None = None
    joined_at: datetime | None = None
    taken_at: datetime | None = None  # when somebody picked up last
    passed_by: LivePop | None = None  # who sent the caller on
    consults: LivePop | None = None  # this call is a colleague asking about that pop
    lost_sight: bool = False  # its end came while we were not listening
    over: bool = False

    def showing(self, operator_id: str) -> LivePop | None:
        """Return the one visible pop of this call at an operator."""
        return next((pop for pop in self.pops if pop.visible and pop.offer.operator_id == operator_id), None)

    def with_leg(self, leg_id: str) -> list[LivePop]:
        """Return the pops that ring or rang on this leg, visible or not."""
        return [pop for pop in self.pops if leg_id in pop.legs]

    def goes_on(self, pop: LivePop) -> bool:
        """Say whether the ring or talk of a pop goes on after one of its legs ended or was done with.

        A leg that rings for the caller himself stands for the ring; the device behind a Local leg follows it. A ring also ends
        with the leg that waits for the answer.
        """
        live = {leg_id for leg_id in pop.legs if leg_id in self.legs and leg_id not in self.done}
        if pop.offer.state is PopState.RINGING:
            live = {leg_id for leg_id in live if pop.legs[leg_id] not in self.gone}
        roots = {leg_id for leg_id, rings_for in pop.legs.items() if rings_for in {"", self.call_id}}
        return bool(live & roots) if roots else bool(live)

    def bury(self, leg_id: str) -> None:
        """Keep in mind that this leg ended."""
        self.legs.pop(leg_id, None)
        self.done.discard(leg_id)
        self.answered.discard(leg_id)
        self.gone[leg_id] = None
        if len(self.gone) > MAX_GONE_LEGS:
            del self.gone[next(iter(self.gone))]


class Register:
    """All live calls, by id and by leg."""

    def __init__(self) -> None:
        # Not a plain dict: to find the eldest, that walks over all that were deleted before it, and at the bound each call would pay.
        self._calls: OrderedDict[str, LiveCall] = OrderedDict()
        self._pops: dict[str, LivePop] = {}
        self._visible: dict[str, LivePop] = {}
        self._legs: dict[str, LiveCall] = {}
        self._ended: dict[str, LiveCall] = {}  # over, and not forgotten yet
        self._joined: dict[str, LiveCall] = {}  # call_id of a consultation that became another call -> that call

    def __iter__(self) -> Iterator[LiveCall]:
        return iter(tuple(self._calls.values()))

    def call(self, call_id: str) -> LiveCall | None:
        """Return the call of this id, or the one it was joined with."""
        return self._calls.get(call_id) or self._joined.get(call_id)

    def calls_of_leg(self, call_id: str, leg_id: str) -> list[LiveCall]:
        """Return the call an event names and the one in which we saw its leg: they differ when the switch joined calls."""
        found: list[LiveCall] = []
        for call in (self.call(call_id), self._legs.get(leg_id)):
            if call is not None and call not in found:
                found.append(call)
        return found

    def pop(self, pop_id: str) -> LivePop | None:
        """Return a pop that is visible or ended not long ago."""
        return self._pops.get(pop_id)

    def visible(self) -> list[LivePop]:
        """Return all visible pops."""
        return list(self._visible.values())

    def hide(self, pop: LivePop) -> None:
        """Take note that a pop is over."""
        self._visible.pop(pop.offer.pop_id, None)

    def ended(self) -> list[LiveCall]:
        """Return the calls that are over and whose context was not forgotten yet."""
        return list(self._ended.values())

    def settle(self, call: LiveCall) -> None:
        """Take note that the context of a call that is over was forgotten."""
        self._ended.pop(call.call_id, None)

    def finish(self, call: LiveCall) -> None:
        """Take note that no leg of a call is left."""
        call.over = True
        self._ended[call.call_id] = call

    def open(self, call_id: str, at: datetime) -> LiveCall:
        """Return the call of this id, made now if it was not known. The oldest quiet call makes room at the bound."""
        call = self.call(call_id)
        if call is None:
            if len(self._calls) >= MAX_CALLS:
                quiet = (known for known in self._calls.values() if not any(pop.visible for pop in known.pops))
                self.drop(next(quiet, next(iter(self._calls.values()))))
            call = self._calls[call_id] = LiveCall(call_id, since=at, last_at=at)
        return call

    def add_leg(self, call: LiveCall, leg_id: str, interface: str, at: datetime) -> None:
        """Put a leg into a call, unless it ended before."""
        if not leg_id or leg_id in call.gone:
            return
        known = call.legs.get(leg_id)
        if known is None:
            call.legs[leg_id] = LiveLeg(interface, at)
            call.over = False
            self._ended.pop(call.call_id, None)
        elif interface:
            known.interface = interface
        self._legs[leg_id] = call

    def bury_leg(self, call: LiveCall, leg_id: str) -> None:
        """Take a leg out of a call for good."""
        call.bury(leg_id)
        self._legs.pop(leg_id, None)

    def add_pop(self, call: LiveCall, pop: LivePop) -> None:
        """Keep a new pop."""
        call.pops.append(pop)
        self._pops[pop.offer.pop_id] = self._visible[pop.offer.pop_id] = pop

    def join(self, call: LiveCall, other: LiveCall) -> None:
        """Make `other` a part of `call`: its legs, its pops and all that is said about it from now on."""
        for leg_id, leg in other.legs.items():
            call.legs.setdefault(leg_id, leg)
            self._legs[leg_id] = call
        call.gone.update(other.gone)
        call.done |= other.done
        call.answered |= other.answered
        call.pops += other.pops
        if call.legs:
            call.over = False
            self._ended.pop(call.call_id, None)
        self._calls.pop(other.call_id, None)
        self._ended.pop(other.call_id, None)
        self._joined[other.call_id] = call
        for call_id, joined in tuple(self._joined.items()):
            if joined is other:
                self._joined[call_id] = call

    def drop(self, call: LiveCall) -> None:
        """Forget a call with all that belongs to it."""
        self._calls.pop(call.call_id, None)
        self._ended.pop(call.call_id, None)
        for leg_id in call.legs:
            self._legs.pop(leg_id, None)
        for pop in call.pops:
            self._pops.pop(pop.offer.pop_id, None)
            self._visible.pop(pop.offer.pop_id, None)
        for call_id in [call_id for call_id, joined in self._joined.items() if joined is call]:
            del self._joined[call_id]

    def drop_pop(self, call: LiveCall, pop: LivePop) -> None:
        """Forget a pop."""
        call.pops.remove(pop)
        self._pops.pop(pop.offer.pop_id, None)


def age_of(leg_id: str) -> tuple[int, ...]:
    """Return a key that puts the elder leg first: "pbx:1700000000.12" counts up in its last part."""
    numbers = leg_id.rpartition(":")[2].split(".")
    return tuple(int(number) if number.isdecimal() and number.isascii() else 0 for number in numbers)
