"""What is known of a caller -> why he may be calling, the likeliest first. On the call path: look-ups and a division.

Each touch and each open conversation makes a person call at some rate, that falls with time; so does the rest of life, at a rate of its
own. Given that he calls now, the probability that it is because of one of them is its rate by the sum of all rates.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING

from ctiroute.model import InteractionStatus, Reason, ReasonKind, TouchStatus
from ctiroute.reasons.curves import MAX_OWN, UNHEARD
from ctiroute.reasons.grid import CLOCK_SKEW_S, EDGES_S

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

    from ctiroute.model import Evidence, Interaction, PastCall, Touch
    from ctiroute.reasons.curves import Curves

MAX_REASONS = 8  # of one call; more nobody reads
LEAST = 0.01  # a confidence below this is none
_STEPS = 10_000  # confidences are cut to so many steps: their sum never exceeds 1, and they are short in JSON
_EXPLAINED_S = 86_400.0  # an earlier call so soon after a touch is no sign that the person calls often
_LAST = EDGES_S[-1]
_TOUCH, _INTERACTION = ReasonKind.TOUCH, ReasonKind.INTERACTION
_FAILED, _CLOSED = TouchStatus.FAILED, InteractionStatus.CLOSED

Weighed = tuple[float, "Evidence", "Touch | None", "Interaction | None"]  # a rate, what is said of it, and what it is of


def ranked(
    touches: Collection[Touch], interactions: Collection[Interaction], calls: Collection[PastCall], curves: Curves, now: datetime
) -> tuple[Reason, ...]:
    """Return the reasons of a call at `now` (aware), the likeliest first; at most MAX_REASONS, none below LEAST.

    `touches` and `calls` are newest first.
    """
    if not touches and not interactions:
        return ()
    weighed: list[Weighed] = []
    total = 0.0
    media = curves.touch_media
    for touch in touches:
        age = (now - touch.sent_at).total_seconds()
        if age > _LAST:
            break
        if age >= -CLOCK_SKEW_S and touch.status is not _FAILED:
            own = curves.touches.get(touch.campaign, media)
            table = own.get(touch.medium) or media.get(touch.medium, UNHEARD)
            point = table[bisect_left(EDGES_S, age)]
            total += point[0]
            weighed.append((point[0], point[1], touch, None))
    media = curves.interaction_media
    for one in interactions:
        age = (now - one.updated_at).total_seconds()
        if -CLOCK_SKEW_S <= age <= _LAST and one.status is not _CLOSED:
            own = curves.interactions.get(one.topic, media)
            table = own.get(one.medium) or media.get(one.medium, UNHEARD)
            point = table[bisect_left(EDGES_S, age)]
            total += point[0]
            weighed.append((point[0], point[1], None, one))
    if not weighed:
        return ()
    total += curves.own[own_calls(calls, touches, now) if calls else 0]
    least = LEAST * total
    found = [one for one in weighed if one[0] >= least]
    if len(found) > 1:
        found.sort(key=_weight, reverse=True)
        del found[MAX_REASONS:]
    return tuple([_reason(one, total) for one in found])


def among(reasons: tuple[Reason, ...], about_ids: Collection[str]) -> tuple[Reason, ...]:
    """Return the reasons given that it is none of those that are about anything else: an operator said who of several it is."""
    left = 1.0 - sum(one.confidence for one in reasons if one.about_id not in about_ids)
    if left <= 0:
        return ()
    return tuple(
        Reason(one.kind, one.about_id, one.key, one.medium, one.label, one.since, _cut(one.confidence / left), one.evidence)
        for one in reasons
        if one.about_id in about_ids
    )


def own_calls(calls: Collection[PastCall], touches: Collection[Touch], now: datetime) -> int:
    """Return how often the person called lately for no reason that we know of, at most MAX_OWN; both newest first."""
    sent = [(now - touch.sent_at).total_seconds() for touch in touches]
    own = place = 0
    for call in calls:
        age = (now - call.received_at).total_seconds()
        if age > _LAST:
            break
        while place < len(sent) and sent[place] < age:  # touches that were sent after that call
            place += 1
        if place == len(sent) or sent[place] - age > _EXPLAINED_S:
            own += 1
    return min(own, MAX_OWN)


def _weight(one: Weighed) -> float:
    return one[0]


def _cut(confidence: float) -> float:
    return int(confidence * _STEPS) / _STEPS


def _reason(one: Weighed, total: float) -> Reason:
    weight, evidence, touch, interaction = one
    confidence = _cut(weight / total)
    if touch is not None:
        label = touch.offer.title or touch.campaign_title or touch.campaign
        return Reason(_TOUCH, touch.touch_id, touch.campaign, touch.medium, label, touch.sent_at, confidence, evidence)
    if interaction is None:
        raise AssertionError("a rate is of one or the other")
    label = interaction.title or interaction.topic
    key, since = interaction.topic, interaction.updated_at
    return Reason(_INTERACTION, interaction.interaction_id, key, interaction.medium, label, since, confidence, evidence)
