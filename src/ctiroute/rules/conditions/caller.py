"""`caller`: what the network says of who calls. A claim: a number can be forged, so nothing secret may hang on it alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ctiroute.documents import boolean, choice, fields, matching, one_or_list
from ctiroute.rules import fragments as shape
from ctiroute.rules.facts import HOLDS, Bound, Facts
from ctiroute.rules.forms import Demands, OneOf, those
from ctiroute.rules.guards import Dimension
from ctiroute.rules.kinds import ConditionKind, Probe, Scope
from ctiroute.rules.numbers import NUMBER_FRAGMENTS, NUMBER_KEYS, read_numbers

if TYPE_CHECKING:
    from ctiroute.documents import Node
    from ctiroute.model import Caller

NOT_ATTESTED = "none"
ATTESTATIONS = ("A", "B", "C", NOT_ATTESTED)
NUMBER = Dimension("caller", lambda facts: (_number(facts.request.caller),))
_country = matching("[A-Z]{2}", "a country's two-letter code", "write it as UA, KZ, PL")


def read(node: Node, scope: Scope) -> Probe:
    """Compile the condition."""
    with fields(node, "caller") as f:
        numbers = read_numbers(f, scope)
        countries = f.get("country", one_or_list(_country), ())
        withheld = f.get("withheld", boolean, None)
        attestation = f.get("attestation", one_or_list(choice(*ATTESTATIONS)), ())
        if not f.node.entries:
            f.wrong(node, "expected at least one of: number, prefix, list, country, withheld, attestation")

    def test(facts: Facts) -> Bound | None:
        caller = facts.request.caller
        if withheld is not None and caller.withheld is not withheld:
            return None
        if numbers and not numbers.fit(caller):
            return None
        if attestation and (facts.request.attestation or NOT_ATTESTED) not in attestation:
            return None
        return HOLDS if not countries or caller.country in countries else None

    def seen(facts: Facts) -> str:
        caller = facts.request.caller
        words = ["withheld" if caller.withheld else caller.phone or caller.raw or "no number"]
        words += [f"attestation {facts.request.attestation or NOT_ATTESTED}"] if attestation else []
        if caller.withheld:
            return ", ".join(words)
        words += [f"country {caller.country or 'not known'}"] if countries else []
        return ", ".join(words)

    wanted = [numbers.wanted] if numbers else []
    wanted += [f"country {' or '.join(countries)}"] if countries else []
    wanted += [f"attestation {' or '.join(attestation)}"] if attestation else []
    wanted += ["withheld" if withheld else "not withheld"] if withheld is not None else []
    guards = {NUMBER: numbers.guard} if numbers else {}  # none for the country: finding it costs more than asking a rule

    def demands() -> Demands:
        known = OneOf(frozenset([] if withheld is None else [withheld]), alone=True)
        vouched = OneOf(frozenset(attestation), alone=True)
        made = those(country=OneOf(frozenset(countries), alone=True), withheld=known, attestation=vouched)
        return {**made, NUMBER_KEYS: numbers.demand} if numbers else made

    return Probe(test, seen, ", ".join(wanted), guards=guards, demands=demands)


def _number(caller: Caller) -> str:
    return caller.raw if caller.phone is None else caller.phone


KIND = ConditionKind(
    "caller",
    "The number that calls: its beginning, its country, a list, or that it is withheld.",
    read,
    shape.mapping(
        {
            **NUMBER_FRAGMENTS,
            "country": shape.about(
                shape.many(shape.matching("^[A-Z]{2}$", "a country's two-letter code: UA, KZ, PL")), "Country of the number."
            ),
            "attestation": shape.about(
                shape.trust(shape.many(shape.words(*ATTESTATIONS)), "A"),
                "How far the network vouches for the number (STIR/SHAKEN); none: not at all.",
            ),
            "withheld": shape.about(shape.boolean(), "true: the number is not shown; false: it is."),
        },
        least=1,
    ),
    '{list: partners, prefix: "+48", withheld: false}',
)
