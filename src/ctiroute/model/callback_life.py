"""What may happen to a callback order, one function for each step: order in, order out. No clock, no store, no switch.

    ordered --take--> claimed --ring--> ringing --talk--> talking --finish--> done
       ^  ^              |                |                  |
       |  +--put_back----+                +------fail--------+--> ordered again, or given up
       +--reschedule           cancel: from ordered and claimed --> cancelled

A step that the present state does not allow raises `CallbackRefused`: who asks has seen an older revision, or asks too late.
Every step makes the next revision; a store takes it only when the one before is what it holds.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ctiroute.errors import CallbackRefused
from ctiroute.model.callback import AttemptOutcome, CallbackAttempt, CallbackState

if TYPE_CHECKING:
    from datetime import datetime

    from ctiroute.model.callback import CallbackOrder

MAX_ATTEMPTS = 20  # of one order, whatever is asked for: more is harassment
MAX_REFUSED = 50  # times that a switch would not place it, which rings nobody and so counts for no attempt


def take(order: CallbackOrder, node: str, now: datetime, lease_until: datetime) -> CallbackOrder:
    """Give the order to a node until its lease ends: one that is due, or one whose node let its lease run out.

    Of the latter the state stays: `recover` says what may be believed of it.
    """
    ripe = order.ripe_at
    if ripe is None or ripe > now:
        raise CallbackRefused(f"it is {order.state.value}, and not due")
    state = CallbackState.CLAIMED if order.state is CallbackState.ORDERED else order.state
    return _next(order, state=state, node=node, lease_until=lease_until, fence=order.fence + 1)


def recover(order: CallbackOrder, now: datetime, again_at: datetime) -> CallbackOrder:
    """Return an order that was taken over from a node that died, as it is safe to go on.

    Claimed: nothing had been sent, so it is simply due. Ringing: a phone may have rung, so that attempt counts, and the next comes after a
    pause. Talking: they were together.
    """
    match order.state:
        case CallbackState.CLAIMED:
            return put_back(order, order.due_at)
        case CallbackState.RINGING:
            return fail(order, AttemptOutcome.UNCERTAIN, now, again_at)
        case CallbackState.TALKING:
            return finish(order, now)
        case _:
            raise CallbackRefused(f"it is {order.state.value}: nobody had it in hand")


def put_back(order: CallbackOrder, due_at: datetime) -> CallbackOrder:
    """Let go of a claimed order before anything was sent: nobody is free, or the customer sleeps."""
    _expect(order, CallbackState.CLAIMED)
    return _freed(order, state=CallbackState.ORDERED, due_at=due_at)


def ring(order: CallbackOrder, call_id: str, now: datetime, lease_until: datetime) -> CallbackOrder:
    """Begin an attempt. To be kept by the store before the switch is asked: after a crash it is known that a phone may ring."""
    _expect(order, CallbackState.CLAIMED)
    attempt = CallbackAttempt(call_id, order.node, now)
    return _next(order, state=CallbackState.RINGING, attempts=(*order.attempts, attempt), lease_until=lease_until)


def hold(order: CallbackOrder, lease_until: datetime) -> CallbackOrder:
    """Keep an order in hand for longer: its call is seen to go on."""
    _expect(order, CallbackState.RINGING, CallbackState.TALKING)
    return _next(order, lease_until=lease_until)


def talk(order: CallbackOrder, lease_until: datetime) -> CallbackOrder:
    """Take note that customer and operator are together."""
    _expect(order, CallbackState.RINGING)
    return _next(order, state=CallbackState.TALKING, lease_until=lease_until)


def name_operator(order: CallbackOrder, operator_id: str) -> CallbackOrder:
    """Take note of who picked up on our side."""
    _expect(order, CallbackState.RINGING, CallbackState.TALKING)
    return _next(order, attempts=_last(order, operator_id=operator_id))


def finish(order: CallbackOrder, now: datetime) -> CallbackOrder:
    """Close an order: they talked."""
    _expect(order, CallbackState.TALKING)
    attempts = _last(order, outcome=AttemptOutcome.TALKED, ended_at=now)
    return _freed(order, state=CallbackState.DONE, attempts=attempts, closed_at=now)


def fail(order: CallbackOrder, outcome: AttemptOutcome, now: datetime, again_at: datetime) -> CallbackOrder:
    """End an attempt that brought nobody together: it is tried again at `again_at`, unless that was the last or it would be too late."""
    _expect(order, CallbackState.RINGING)
    ended = _freed(order, attempts=_last(order, outcome=outcome, ended_at=now))
    rang = sum(attempt.outcome is not AttemptOutcome.REFUSED for attempt in ended.attempts)
    over = rang >= min(order.most_attempts, MAX_ATTEMPTS) or len(ended.attempts) >= MAX_ATTEMPTS + MAX_REFUSED
    if over or again_at > order.until:
        return replace(ended, state=CallbackState.GIVEN_UP, closed_at=now)
    return replace(ended, state=CallbackState.ORDERED, due_at=again_at)


def give_up(order: CallbackOrder, now: datetime) -> CallbackOrder:
    """Close a claimed order whose window is over."""
    _expect(order, CallbackState.CLAIMED)
    return _freed(order, state=CallbackState.GIVEN_UP, closed_at=now)


def cancel(order: CallbackOrder, now: datetime) -> CallbackOrder:
    """Close an order that is not wanted any more. One that rings already cannot be called off."""
    _expect(order, CallbackState.ORDERED, CallbackState.CLAIMED)
    return _freed(order, state=CallbackState.CANCELLED, closed_at=now)


def reschedule(order: CallbackOrder, due_at: datetime, until: datetime, note: str | None = None) -> CallbackOrder:
    """Move an order to another time, perhaps with another note."""
    _expect(order, CallbackState.ORDERED)
    if until < due_at:
        raise CallbackRefused("its window would end before its time")
    return _next(order, due_at=due_at, until=until, note=order.note if note is None else note)


def _expect(order: CallbackOrder, *states: CallbackState) -> None:
    if order.state not in states:
        raise CallbackRefused(f"it is {order.state.value.replace('_', ' ')}")


def _next(order: CallbackOrder, **changes: object) -> CallbackOrder:
    return replace(order, revision=order.revision + 1, **changes)  # type: ignore[arg-type] # by name


def _freed(order: CallbackOrder, **changes: object) -> CallbackOrder:
    return _next(order, node="", lease_until=None, **changes)


def _last(order: CallbackOrder, **changes: object) -> tuple[CallbackAttempt, ...]:
    return (*order.attempts[:-1], replace(order.attempts[-1], **changes))  # type: ignore[arg-type] # by name
