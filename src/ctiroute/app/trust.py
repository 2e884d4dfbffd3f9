"""Keeps what is sensitive about a customer off screens while nothing but the caller's number says who calls: numbers can be forged.

The company says which attributes are sensitive, and how a number has to be attested by the network to be believed. Conditions of rules may
ask for such an attribute all the same: they tell nobody its value.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ctiroute.app.call_files import CallFile
    from ctiroute.model import Customer, RuleTrace, Verdict

VEIL = "•••"


@dataclass(frozen=True, slots=True)
class Trust:
    """What is sensitive, and who is believed."""

    sensitive: frozenset[str] = frozenset()  # attributes of customers
    attested: frozenset[str] = frozenset()  # how the network vouches for a number that is believed: A, B, C (RFC 8588)

    def shown(self, file: CallFile) -> CallFile:
        """Return a call's file as an operator may see it: with a veil in place of what is sensitive, unless the caller is believed."""
        if not self.sensitive or file.context.request.attestation in self.attested:
            return file
        identity = file.context.identity
        hidden = {value for one in identity.customers for key, value in one.attributes.items() if key in self.sensitive and value}
        if not hidden:
            return file
        identity = replace(identity, customers=tuple(map(self._veiled, identity.customers)))
        rules = tuple(_without(trace, sorted(hidden, key=len, reverse=True)) for trace in file.rules)
        return replace(file, context=replace(file.context, identity=identity), rules=rules)

    def _veiled(self, customer: Customer) -> Customer:
        attributes = {key: VEIL if key in self.sensitive and value else value for key, value in customer.attributes.items()}
        return replace(customer, attributes=attributes)


def _without(trace: RuleTrace, hidden: Sequence[str]) -> RuleTrace:
    """Return what a rule saw without these values: the reason of a call would tell them. What the rule demands stays: it is the rule's."""

    def veiled(verdict: Verdict) -> Verdict:
        seen = verdict.seen
        for value in hidden:
            seen = seen.replace(value, VEIL)
        return verdict if seen == verdict.seen else replace(verdict, seen=seen)

    return replace(trace, verdicts=tuple(map(veiled, trace.verdicts)))
