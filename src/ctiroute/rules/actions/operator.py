"""`operator`: ring one operator for a bounded time, then the rule's queue; CTI_ACTION=operator, CTI_OPERATOR, CTI_OPERATOR_TIMEOUT.

Who cannot be found (nobody talked to this caller yet, the operator has no phone) or is known to be away or busy is passed over: the call
goes to the rule's queue, or the default way. An interface is rung as it is written.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from ctiroute.documents import Mapping, duration, fields, refuse
from ctiroute.model import Verdict
from ctiroute.rules import fragments as shape
from ctiroute.rules.facts import NO_NEEDS, Needs
from ctiroute.rules.kinds import ActionKind, Deed, Draft, Scope
from ctiroute.rules.names import name

if TYPE_CHECKING:
    from ctiroute.documents import Node
    from ctiroute.model import Operator
    from ctiroute.rules.facts import Bound, Facts

LAST, OWNER = "last", "owner"
DEFAULT_RING = timedelta(seconds=20)
MIN_RING, MAX_RING = timedelta(seconds=3), timedelta(minutes=2)  # shorter is no ring; longer, and the caller has gone


def read(node: Node, _scope: Scope) -> Deed:
    """Compile the action; `operator: last` is short for `operator: {who: last}`."""
    ring = DEFAULT_RING
    if isinstance(node, Mapping):
        with fields(node, "operator") as f:
            who = f.require("who", name("operator"))
            ring = f.get("for", _ring, DEFAULT_RING)
    else:
        who = name("operator")(node)
    timeout_s = int(ring.total_seconds())
    fixed = "/" in who

    def effect(draft: Draft, facts: Facts, bound: Bound) -> None:
        found = _find(who, facts, bound)
        if found is None:
            return
        operator_id = found[1]
        if not fixed and operator_id is not None and facts.available is not None and operator_id not in facts.available:
            draft.remarks.append(lambda: Verdict("then.operator", f"{who} can be rung", f"{operator_id} is away or busy", matched=False))
            return
        draft.operator, draft.operator_id = found
        draft.operator_timeout_s = timeout_s

    named = frozenset({who}) - {LAST, OWNER}
    return Deed(effect, NO_NEEDS if fixed else Needs(available=True, operators=named))


KIND = ActionKind(
    "operator",
    "One operator's phone rings first: an interface, a sign-in name, `last` or `owner`.",
    read,
    shape.short_or(
        shape.name("operator", shape.OPERATOR),
        shape.mapping(
            {
                "who": shape.about(
                    shape.name("operator", shape.OPERATOR), "An interface, a sign-in name, last or owner.", LAST, OWNER, "PJSIP/1001"
                ),
                "for": shape.about(shape.duration(), "How long the phone rings: 3s to 2m.", "20s"),
            },
            required=["who"],
        ),
    ),
    "{who: last, for: 20s}",
    excludes=frozenset({"menu", "extension", "continue"}),
)


def _ring(node: Node) -> timedelta:
    span = duration(node)
    if not MIN_RING <= span <= MAX_RING:
        refuse(node, "expected a time to ring from 3s to 2m")
    return span


def _find(who: str, facts: Facts, bound: Bound) -> tuple[str, str | None] | None:
    """Return interface and operator id, or None."""
    if "/" in who:
        folded = who.casefold()
        holders = (one for one in facts.operators.values() if folded in (interface.casefold() for interface in one.interfaces))
        holder = next(holders, None)
        return who, holder.operator_id if holder else None
    if who == LAST:
        talked = (facts.operators.get(call.operator_id) for call in facts.context.calls if call.operator_id)
        return next(filter(None, map(_phone, talked)), None)
    if who == OWNER:
        return _phone(facts.operators.get(bound.interaction.owner or "") if bound.interaction else None)
    return _phone(facts.operators.get(who))


def _phone(operator: Operator | None) -> tuple[str, str | None] | None:
    return (operator.interfaces[0], operator.operator_id) if operator and operator.interfaces else None
