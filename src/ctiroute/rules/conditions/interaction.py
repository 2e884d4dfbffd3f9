"""`interaction`: a conversation with this caller in any medium, open unless said otherwise.

The newest that fits is what the call is about.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from ctiroute.documents import choice, duration, fields, one_or_list, text
from ctiroute.model import InteractionStatus, Medium
from ctiroute.rules import fragments as shape
from ctiroute.rules.facts import LEAST_INTERACTIONS, Bound, Facts, Needs
from ctiroute.rules.globs import any_glob, pattern
from ctiroute.rules.guards import Dimension, by_patterns
from ctiroute.rules.kinds import ConditionKind, Probe, Scope
from ctiroute.rules.words import age_in_words, span_in_words

if TYPE_CHECKING:
    from ctiroute.documents import Node
    from ctiroute.model import Interaction

_NOT_CLOSED = (InteractionStatus.OPEN.value, InteractionStatus.WAITING.value)
_SHOWN = 3  # interactions named in a trace
TOPIC = Dimension("topic", lambda facts: [one.topic for one in facts.context.interactions])
ANYBODY, NOBODY = "anybody", "nobody"


def read(node: Node, _scope: Scope) -> Probe:
    """Compile the condition."""
    with fields(node, "interaction") as f:
        media = f.get("medium", one_or_list(choice(*Medium)), ())
        topics = f.get("topic", one_or_list(pattern), ())
        statuses = f.get("status", one_or_list(choice(*InteractionStatus)), _NOT_CLOSED)
        within = f.get("within", duration, None)
        owner = f.get("owner", text, None)
    topic_fits = any_glob(topics) if topics else None

    def fits(one: Interaction) -> bool:
        return (
            one.status in statuses
            and (topic_fits is None or topic_fits(one.topic))
            and (not media or one.medium in media)
            and (owner is None or _owned(one, owner))
        )

    def find(facts: Facts) -> Interaction | None:
        since = facts.now - within if within else None
        for one in facts.context.interactions:  # newest event first
            if since is not None and one.updated_at < since:
                return None
            if fits(one):
                return one
        return None

    def test(facts: Facts) -> Bound | None:
        found = find(facts)
        return Bound(interaction=found) if found is not None else None

    def seen(facts: Facts) -> str:
        found = find(facts)
        shown = (found,) if found else facts.context.interactions[:_SHOWN]
        words = [f"{one.topic}, {one.medium}, {one.status}, {age_in_words(facts.now - one.updated_at)} ago" for one in shown]
        return "; ".join(words) or "no interaction"

    wanted = [f"topic {' or '.join(topics)}"] if topics else []
    wanted += [" or ".join(media)] if media else []
    wanted += [" or ".join(statuses)]
    wanted += [f"owner {owner}"] if owner else []
    wanted += [f"within {span_in_words(within)}"] if within else []
    closed = InteractionStatus.CLOSED in statuses
    needs = Needs(interactions=(within or LEAST_INTERACTIONS) if closed else timedelta())
    return Probe(test, seen, ", ".join(wanted), needs, {TOPIC: by_patterns(topics, topic_fits)})


KIND = ConditionKind(
    "interaction",
    "A conversation with this caller is open, or ended lately, in any medium.",
    read,
    shape.mapping(
        {
            "topic": shape.about(shape.many(shape.pattern(shape.TOPIC)), "Its topic; * stands for any text.", "complaint*"),
            "medium": shape.about(shape.many(shape.words(*Medium)), "In which medium it is held."),
            "status": shape.about(
                shape.many(shape.words(*InteractionStatus)), "open: our move; waiting: the customer's; without it both count."
            ),
            "within": shape.about(shape.duration(), "Its last event is at most so long ago.", "7d"),
            "owner": shape.about(shape.text(shape.OPERATOR), "Sign-in name of who handles it, anybody, or nobody.", ANYBODY, NOBODY),
        }
    ),
    "{topic: credit-application, medium: web, status: [open, waiting], within: 7d, owner: anybody}",
)


def _owned(one: Interaction, owner: str) -> bool:
    if owner == ANYBODY:
        return one.owner is not None
    return one.owner is None if owner == NOBODY else one.owner == owner
