"""`reason`: why this caller is likely to call, as learnt from what followed earlier touches. The likeliest is what the call is about.

Confidences of all that fit are added up: two reminders of one campaign, each as likely as the other, make its matter twice as likely.
"""

from __future__ import annotations

import operator
import re
from typing import TYPE_CHECKING

from ctiroute.documents import Scalar, choice, fields, one_or_list, refuse
from ctiroute.model import Medium, ReasonKind
from ctiroute.rules import fragments as shape
from ctiroute.rules.facts import HOLDS, Bound, Facts
from ctiroute.rules.forms import AtLeast, Demand, Demands, OneOf, Patterns, Same, those
from ctiroute.rules.globs import any_glob, pattern
from ctiroute.rules.kinds import ConditionKind, Probe, Scope

if TYPE_CHECKING:
    from collections.abc import Callable

    from ctiroute.documents import Node
    from ctiroute.model import Reason

_KINDS = (ReasonKind.TOUCH.value, ReasonKind.INTERACTION.value)
_COMPARED = r"(>=|<=|>|<)? *(0|1|0?\.[0-9]{1,4}|1\.0{1,4})"
_SIGNS: dict[str, Callable[[float, float], bool]] = {">=": operator.ge, ">": operator.gt, "<=": operator.le, "<": operator.lt}
_MEANING = 'a confidence from 0 to 1, with or without a sign: 0.7 or ">= 0.7"'
LIKELY = (">=", 0.5)  # without a confidence: likelier than everything else together
_SHOWN = 3  # reasons named in a trace


def read(node: Node, _scope: Scope) -> Probe:
    """Compile the condition."""
    with fields(node, "reason") as f:
        patterns = f.get("is", one_or_list(pattern), ())
        kinds = f.get("kind", one_or_list(choice(*_KINDS)), ())
        media = f.get("medium", one_or_list(choice(*Medium)), ())
        sign, wanted = f.get("confidence", _confidence, LIKELY)
    key_fits = any_glob(patterns) if patterns else None
    compare = _SIGNS[sign]

    def fits(one: Reason) -> bool:
        return (key_fits is None or key_fits(one.key)) and (not kinds or one.kind in kinds) and (not media or one.medium in media)

    def test(facts: Facts) -> Bound | None:
        first, confidence = None, 0.0
        for one in facts.context.reasons:  # the likeliest first
            if fits(one):
                first, confidence = first or one, confidence + one.confidence
        if not compare(confidence, wanted):
            return None
        return HOLDS if first is None else _bound(first, facts)

    def seen(facts: Facts) -> str:
        return "; ".join(f"{one.key}, {one.medium}, {one.confidence:.0%}" for one in facts.context.reasons[:_SHOWN]) or "no likely reason"

    def demands() -> Demands:
        sure: Demand = AtLeast(wanted) if sign == ">=" else Same((sign, wanted))
        return {
            **those(medium=OneOf(frozenset(media)), kind=OneOf(frozenset(kinds)), confidence=sure),
            **those(**{"is": Patterns(patterns)}),
        }

    words = [" or ".join(patterns)] if patterns else []
    words += [" or ".join(kinds)] if kinds else []
    words += [" or ".join(media)] if media else []
    return Probe(test, seen, ", ".join([*words, f"confidence {sign} {wanted:g}"]), demands=demands)


def _bound(reason: Reason, facts: Facts) -> Bound:
    """Return the touch or the interaction that a reason is about."""
    context = facts.context
    if reason.kind is ReasonKind.TOUCH:
        return Bound(touch=next((one for one in context.touches if one.touch_id == reason.about_id), None))
    return Bound(interaction=next((one for one in context.interactions if one.interaction_id == reason.about_id), None))


def _confidence(node: Node) -> tuple[str, float]:
    found = re.fullmatch(_COMPARED, node.text.strip()) if isinstance(node, Scalar) else None
    if found is None:
        refuse(node, f"expected {_MEANING}")
    return found[1] or ">=", float(found[2])


KIND = ConditionKind(
    "reason",
    "Why this caller is likely to call, with the confidence that was learnt.",
    read,
    shape.mapping(
        {
            "is": shape.about(
                shape.many(shape.pattern()), "Campaign or topic that is the likely reason; * stands for any text.", "autumn-*"
            ),
            "kind": shape.about(
                shape.many(shape.words(*_KINDS)), "touch: something the company sent; interaction: a conversation that is open."
            ),
            "medium": shape.about(shape.many(shape.words(*Medium)), "In which medium that was."),
            "confidence": shape.about(
                shape.matching(rf"^ *(?:{_COMPARED}) *$", _MEANING),
                'How likely it has to be, from 0 to 1: 0.7 or ">= 0.7"; at least 0.5 where it is not given.',
                ">= 0.7",
            ),
        }
    ),
    '{is: "autumn-*", medium: sms, confidence: ">= 0.7"}',
)
