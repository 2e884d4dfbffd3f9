"""Why the caller of a case is likely to call: as it says, or as is usual before anything was learnt, so that cases stay as they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ctiroute.documents import Node, fields, number, refuse, text
from ctiroute.model import Reason, ReasonKind
from ctiroute.reasons import PRIORS, ranked

if TYPE_CHECKING:
    from ctiroute.model import CallerContext

Given = tuple[Node, str, str, float]  # where it stands, campaign, topic, confidence


def reason(node: Node) -> Given:
    """Parse one reason; return where it stands, the campaign or the topic, and how sure it is taken to be."""
    with fields(node, "a reason") as f:
        campaign = f.get("campaign", text, "")
        topic = f.get("topic", text, "")
        confidence = f.require("confidence", number(0, 1))
        if bool(campaign) is bool(topic):
            f.wrong(node, "expected campaign or topic", "write one of them, as in a touch or an interaction of this case")
    return node, campaign, topic, confidence


def reasons_of(context: CallerContext, given: tuple[Given, ...]) -> tuple[Reason, ...]:
    """Return the likely reasons of a case: those it names, else what is usual before anything was learnt."""
    if not given:
        return ranked(context.touches, context.interactions, context.calls, PRIORS, context.request.received_at)
    found: list[Reason] = []
    for node, campaign, topic, confidence in given:
        touch = next((one for one in context.touches if one.campaign == campaign), None)
        held = next((one for one in context.interactions if one.topic == topic), None)
        if touch is not None and campaign:
            made = Reason(
                ReasonKind.TOUCH, touch.touch_id, campaign, touch.medium, touch.offer.title or campaign, touch.sent_at, confidence
            )
        elif held is not None and topic:
            label = held.title or topic
            made = Reason(ReasonKind.INTERACTION, held.interaction_id, topic, held.medium, label, held.updated_at, confidence)
        else:
            refuse(
                node,
                "nothing of this case could be that reason",
                "name the campaign of one of its touches, or the topic of an interaction",
            )
        found.append(made)
    if sum(one.confidence for one in found) > 1:
        refuse(given[-1][0], "the confidences of a call's reasons sum to 1 at most")
    return tuple(sorted(found, key=lambda one: -one.confidence))
