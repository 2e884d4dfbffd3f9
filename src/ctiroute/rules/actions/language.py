"""`language`: the language of prompts; CTI_LANGUAGE, for CHANNEL(language)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ctiroute.documents import Scalar
from ctiroute.documents.parsers import language
from ctiroute.rules import fragments as shape
from ctiroute.rules.kinds import ActionKind, Deed, Draft, Scope
from ctiroute.rules.names import to_alphabet

if TYPE_CHECKING:
    from ctiroute.documents import Node
    from ctiroute.rules.facts import Bound, Facts

CUSTOMER = "customer"  # the language of the customer's last contact, where it is known


def read(node: Node, _scope: Scope) -> Deed:
    """Compile the action."""
    fixed = None if isinstance(node, Scalar) and node.text == CUSTOMER else language(node)

    def effect(draft: Draft, facts: Facts, _bound: Bound) -> None:
        customer = facts.context.identity.customer
        draft.language = fixed or (to_alphabet(customer.language or "") if customer else "") or None

    return Deed(effect)


KIND = ActionKind(
    "language",
    "The language of the prompts: a code, or `customer` for that of the customer's last contact.",
    read,
    shape.language(CUSTOMER),
    "customer",
)
