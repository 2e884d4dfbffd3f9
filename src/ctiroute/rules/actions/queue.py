"""`queue`: wait in a queue; CTI_ACTION=queue, CTI_QUEUE. With `else`, somewhere better while it is closed, empty of people or too long.

How a queue stands is what the switch told last. A queue nobody has told of is taken for open: what is not known turns no caller away.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from ctiroute.documents import Mapping, duration, fields, integer, refuse
from ctiroute.model import Verdict
from ctiroute.rules import fragments as shape
from ctiroute.rules.actions.priority import MAX_PRIORITY
from ctiroute.rules.conditions import hours as opening
from ctiroute.rules.facts import NO_NEEDS, Needs
from ctiroute.rules.kinds import ActionKind, Deed, Draft, Effect, Probe, Scope
from ctiroute.rules.names import name
from ctiroute.rules.words import age_in_words, span_in_words

if TYPE_CHECKING:
    from ctiroute.documents import Node
    from ctiroute.rules.facts import Bound, Facts
    from ctiroute.rules.fragments import Fragment
    from ctiroute.rules.kinds import Remark

MAX_QUEUES = 3  # one after the other: a longer chain is a plan nobody can foresee
MAX_WAITING = 10_000
_LIMITS = ("hours", "max_waiting", "max_wait")


@dataclass(frozen=True, slots=True)
class _Door:
    """When a queue takes a caller."""

    queue: str
    hours: Probe | None = None  # outside of them it is closed
    max_waiting: int | None = None  # callers; with so many in it, it takes no further one
    max_wait: timedelta | None = None  # the first of them has waited so long: it takes no further one

    def closed(self, facts: Facts) -> Remark | None:
        """Return why a caller is not let in, or None."""
        if self.hours is not None and self.hours.test(facts) is None:
            return self._remark(self.hours.wanted, self.hours.seen(facts))
        state = facts.queues.get(self.queue)
        if state is None:
            return None
        if state.members == 0:
            return self._remark("somebody in it", "nobody is signed in")
        if self.max_waiting is not None and state.waiting >= self.max_waiting:
            return self._remark(f"fewer than {self.max_waiting} waiting", f"{state.waiting} waiting")
        if self.max_wait is not None:
            longest = timedelta(seconds=state.longest_wait_at(facts.now))
            if longest > self.max_wait:
                return self._remark(f"longest wait at most {span_in_words(self.max_wait)}", f"longest wait {age_in_words(longest)}")
        return None

    def _remark(self, wanted: str, seen: str) -> Remark:
        return lambda: Verdict("then.queue", f"{self.queue}: {wanted}", f"{seen}: the call goes to else", matched=False)


def read(node: Node, scope: Scope) -> Deed:
    """Compile the action; `queue: promo` is short for `queue: {name: promo}`."""
    return _read(node, scope, MAX_QUEUES)


def _read(node: Node, scope: Scope, left: int) -> Deed:
    if left == 0:
        refuse(node, f"expected at most {MAX_QUEUES} queues, one after the other", "end with a menu, or with the last queue's name")
    known = name("queue", scope.names.queues)
    if not isinstance(node, Mapping):
        return Deed(_into(known(node), 0))
    other: Deed | None = None
    with fields(node, "queue") as f:
        queue = f.require("name", known)
        priority = f.get("priority", integer(0, MAX_PRIORITY), 0)
        hours = f.get("hours", lambda one: opening.read(one, scope), None)
        most = f.get("max_waiting", integer(1, MAX_WAITING), None)
        longest = f.get("max_wait", duration, None)
        other = f.get("else", lambda one: _elsewhere(one, scope, left - 1), None)
        if "else" not in f and any(limit in f for limit in _LIMITS):
            f.wrong(node, "else is missing", "say where the call goes then: else: {queue: main}, or else: {menu: night}")
    inside = _into(queue, priority)
    if other is None:
        return Deed(inside)
    return Deed(_or_else(_Door(queue, hours, most, longest), inside, other.effect), Needs(queues=frozenset({queue})) | other.needs)


def _into(queue: str, priority: int) -> Effect:
    def effect(draft: Draft, _facts: Facts, _bound: Bound) -> None:
        draft.queue = queue
        draft.priority = max(draft.priority, priority)

    return effect


def _or_else(door: _Door, inside: Effect, elsewhere: Effect) -> Effect:
    def effect(draft: Draft, facts: Facts, bound: Bound) -> None:
        remark = door.closed(facts)
        if remark is None:
            inside(draft, facts, bound)
        else:
            draft.remarks.append(remark)
            elsewhere(draft, facts, bound)

    return effect


def _elsewhere(node: Node, scope: Scope, left: int) -> Deed:
    """Parse where a call goes that the queue does not take: one place."""
    with fields(node, "else") as f:
        queue = f.get("queue", lambda one: _read(one, scope, left), None)
        menu = f.get("menu", name("menu", scope.names.menus), None)
        extension = f.get("extension", name("extension", scope.names.extensions), None)
        if len(f.node.entries) != 1:
            f.wrong(node, "expected one place", "write queue: main, or menu: night, or extension: 2001")

    def effect(draft: Draft, facts: Facts, bound: Bound) -> None:
        if queue is not None:
            queue.effect(draft, facts, bound)
        else:
            draft.menu, draft.extension = menu, extension

    return Deed(effect, queue.needs if queue is not None else NO_NEEDS)


def _fragment(left: int) -> Fragment:
    short = shape.name("queue", shape.QUEUE)
    another = {"queue": shape.about(_fragment(left - 1), "Another queue.")} if left > 1 else {}
    places = {
        **another,
        "menu": shape.about(shape.name("menu", shape.MENU), "A voice menu."),
        "extension": shape.about(shape.name("extension", shape.EXTENSION), "An extension of the allowed context."),
    }
    full = shape.mapping(
        {
            "name": shape.about(short, "The queue."),
            "priority": shape.about(shape.integer(0, MAX_PRIORITY), "The call's place in it: higher is served first."),
            "hours": shape.about(opening.KIND.schema, "Outside of these hours the queue is closed.", "business"),
            "max_waiting": shape.about(shape.integer(1, MAX_WAITING), "With so many callers in it the queue takes no further one."),
            "max_wait": shape.about(shape.duration(), "Once the first of them has waited longer it takes no further one.", "3m"),
            "else": shape.about(
                {**shape.mapping(places, least=1), "maxProperties": 1},
                "Where the call goes while the queue is closed, too long, or nobody is signed in to it.",
                {"queue": "main"},
            ),
        },
        required=["name"],
    )
    return shape.short_or(short, full)


KIND = ActionKind(
    "queue",
    "The call waits in this queue, or goes elsewhere while it is closed, empty or too long.",
    read,
    _fragment(MAX_QUEUES),
    "{name: promo, hours: business, max_waiting: 10, max_wait: 3m, else: {queue: main}}",
    excludes=frozenset({"menu", "extension", "continue"}),
)
