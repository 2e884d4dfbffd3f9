"""The catalogue of offers: what else may be proposed to a caller, each with its conditions. Rules name the offers they would show."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ctiroute.documents import duration, fields, localized
from ctiroute.model import Proposal
from ctiroute.rules import fragments as shape
from ctiroute.rules.actions.texts import template
from ctiroute.rules.kinds import CatalogueEntry
from ctiroute.rules.when import every, needs_of, read_when

if TYPE_CHECKING:
    from ctiroute.documents import Node
    from ctiroute.rules.kinds import Scope


# The shape of what `read_entry` reads.
ENTRY_FRAGMENT = shape.mapping(
    {
        "title": shape.about(shape.localized(shape.template()), "What the operator proposes, in a few words."),
        "text": shape.about(shape.localized(shape.template()), "Terms, and how to say it."),
        "again": shape.about(shape.duration(), "For so long it is not proposed again to whoever accepted or refused it.", "90d"),
        "when": shape.about(shape.reference("conditions"), "Conditions, all of which have to hold for this caller."),
    },
    required=["title"],
)


def read_entry(key: str, node: Node, scope: Scope) -> CatalogueEntry:
    """Parse one offer of the catalogue."""
    with fields(node, "an offer") as f:
        title = f.require("title", localized(template))
        text = f.get("text", localized(template), {})
        again = f.get("again", duration, None)
        when = f.get("when", lambda one: read_when(one, scope), ())
    return CatalogueEntry(Proposal(title, text, key, again.total_seconds() if again else 0.0), every(when), needs_of(when))
