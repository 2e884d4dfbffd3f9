"""`medium`: by what the question came in, so that the same rules serve calls, chats and e-mails."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ctiroute.documents import choice, one_or_list
from ctiroute.model import Medium
from ctiroute.rules import fragments as shape
from ctiroute.rules.facts import HOLDS, Bound, Facts
from ctiroute.rules.forms import OneOf
from ctiroute.rules.guards import Dimension, by_heads
from ctiroute.rules.kinds import ConditionKind, Probe, Scope

if TYPE_CHECKING:
    from ctiroute.documents import Node

MEDIUM = Dimension("medium", lambda facts: (facts.request.medium,))


def read(node: Node, _scope: Scope) -> Probe:
    """Compile the condition."""
    media = frozenset(one_or_list(choice(*Medium))(node))

    def test(facts: Facts) -> Bound | None:
        return HOLDS if facts.request.medium in media else None

    wanted = " or ".join(medium for medium in Medium if medium in media)
    return Probe(
        test,
        lambda facts: str(facts.request.medium),
        wanted,
        guards={MEDIUM: by_heads(media, media.__contains__)},
        demands=lambda: {"": OneOf(media, alone=True)},
    )


KIND = ConditionKind(
    "medium",
    "By what the question came in: a call, a chat, an e-mail.",
    read,
    shape.many(shape.words(*Medium)),
    "[chat, telegram]",
)
