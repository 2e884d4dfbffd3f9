"""`customer`: who we believe it is, and what we know of them. Of several candidates none is guessed: all of them have to fit."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ctiroute.documents import Mapping, choice, fields, mapping_of, one_or_list
from ctiroute.documents.parsers import language
from ctiroute.model import IdentityKind
from ctiroute.rules import fragments as shape
from ctiroute.rules.facts import HOLDS, Bound, Facts
from ctiroute.rules.globs import any_glob, pattern
from ctiroute.rules.guards import Dimension, Guard, by_heads, by_patterns
from ctiroute.rules.kinds import ConditionKind, Probe, Scope

if TYPE_CHECKING:
    from ctiroute.documents import Node
    from ctiroute.model import Customer

_Test = tuple[Callable[[str], bool], str, Guard]  # of one attribute, what it demands in words, what a value must be for it to hold
IDENTITY = Dimension("identity", lambda facts: (facts.context.identity.kind,))


def read(node: Node, scope: Scope) -> Probe:
    """Compile the condition; `customer: known` is short for `customer: {identity: known}`."""
    identities: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    attributes: dict[str, _Test] = {}
    if isinstance(node, Mapping):
        with fields(node, "customer") as f:
            identities = f.get("identity", one_or_list(choice(*IdentityKind)), ())
            languages = f.get("language", one_or_list(language), ())
            attributes = f.get("attributes", mapping_of(_attribute(scope)), {})
            if not f.node.entries:
                f.wrong(node, "expected at least one of: identity, language, attributes")
    else:
        identities = one_or_list(choice(*IdentityKind))(node)
    tests = tuple((name, test) for name, (test, _, _) in attributes.items())
    about_person = bool(languages or tests)

    def fits(customer: Customer) -> bool:
        return (not languages or _speaks(customer, languages)) and _has(customer, tests)

    def test(facts: Facts) -> Bound | None:
        identity = facts.context.identity
        if identities and identity.kind not in identities:
            return None
        if about_person and not (identity.customers and all(map(fits, identity.customers))):
            return None
        return HOLDS

    def seen(facts: Facts) -> str:
        identity = facts.context.identity
        words = [identity.kind.value]
        for customer in identity.customers:
            words += [f"language {customer.language or 'not known'}"] if languages else []
            words += [f"{name} {customer.attributes.get(name) or 'not known'}" for name, _ in tests]
        return ", ".join(words)

    wanted = [" or ".join(identities)] if identities else []
    wanted += [f"language {' or '.join(languages)}"] if languages else []
    wanted += [f"{name} {words}" for name, (_, words, _) in attributes.items()]
    guards = {attribute(name): guard for name, (_, _, guard) in attributes.items()}
    if identities:
        guards[IDENTITY] = by_heads(identities, identities.__contains__)
    return Probe(test, seen, ", ".join(wanted), guards=guards)


KIND = ConditionKind(
    "customer",
    "Whether the caller is known, and what is known of them.",
    read,
    shape.short_or(
        shape.many(shape.words(*IdentityKind)),
        shape.mapping(
            {
                "identity": shape.about(shape.many(shape.words(*IdentityKind)), "Whether we know who it is."),
                "language": shape.about(shape.many(shape.language()), "Of the last contact; uk fits uk-UA too.", "uk"),
                "attributes": shape.about(
                    shape.mapping_of(
                        shape.short_or(
                            shape.many(shape.pattern()),
                            shape.mapping(
                                {"list": shape.about(shape.text(shape.LIST), "The name of a list that holds the value.")}, required=["list"]
                            ),
                        ),
                        mark=shape.ATTRIBUTE,
                    ),
                    "What is known of the customer, by name.",
                ),
            },
            least=1,
        ),
    ),
    "{identity: known, attributes: {segment: [vip, gold], city: {list: big-cities}}, language: uk}",
)


def attribute(name: str) -> Dimension:
    """Return the dimension of one attribute: its value at the first candidate, for whoever fits has to fit there too."""

    def values(facts: Facts) -> tuple[str, ...]:
        customers = facts.context.identity.customers
        return (customers[0].attributes.get(name, ""),) if customers else ()

    return Dimension(f"attribute {name}", values, fold=True)


def _speaks(customer: Customer, languages: tuple[str, ...]) -> bool:
    spoken = customer.language
    return spoken is not None and (spoken in languages or spoken.partition("-")[0] in languages)


def _has(customer: Customer, tests: tuple[tuple[str, Callable[[str], bool]], ...]) -> bool:
    for name, test in tests:  # noqa: SIM110 - a generator costs twice the loop, and every call comes by here
        if not test(customer.attributes.get(name, "")):
            return False
    return True


def _attribute(scope: Scope) -> Callable[[Node], _Test]:
    """Return a parser of what one attribute has to be: a pattern, several, or the name of a list."""

    def parse(node: Node) -> _Test:
        if isinstance(node, Mapping):
            with fields(node, "an attribute") as f:
                name = f.require("list", scope.list_name)
            values = frozenset(value.casefold() for value in scope.lists[name])

            def listed(value: str) -> bool:
                return value.casefold() in values

            return listed, f"in list {name}", by_heads(values, listed)
        patterns = one_or_list(pattern)(node)
        fits = any_glob(patterns, fold=True)
        return fits, " or ".join(patterns), by_patterns(patterns, fits, fold=True)

    return parse
