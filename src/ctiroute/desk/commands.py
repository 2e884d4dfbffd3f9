"""What the desk wants done. `app` carries it out; the desk never learns how."""

from __future__ import annotations

from dataclasses import dataclass

from ctiroute.model import CallRecord, Offer


@dataclass(frozen=True, slots=True)
class ShowPop:
    """An operator's phone began to ring: put the pop on his screen."""

    offer: Offer


@dataclass(frozen=True, slots=True)
class UpdatePop:
    """Something about a visible pop changed: state, note, or what it is about."""

    offer: Offer


@dataclass(frozen=True, slots=True)
class ClosePop:
    """The pop is over: `offer.state` is ENDED or MISSED."""

    offer: Offer


@dataclass(frozen=True, slots=True)
class RecordCall:
    """Keep what became of a call."""

    record: CallRecord


@dataclass(frozen=True, slots=True)
class RecordMissed:
    """Keep that an operator did not take this call."""

    offer: Offer
    rang_s: float


@dataclass(frozen=True, slots=True)
class ForgetCall:
    """A call is over: its context need not be kept in memory any longer."""

    call_id: str


Command = ShowPop | UpdatePop | ClosePop | RecordCall | RecordMissed | ForgetCall
