"""`customer`: who we believe it is, and what we know of them.

Of several candidates none is guessed: all of them have to fit, unless an operator has chosen one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ctiroute.documents import Mapping, choice, fields, one_or_list
from ctiroute.documents.parsers import language
from ctiroute.model import IdentityKind
from ctiroute.rules import fragments as shape
from ctiroute.rules.facts import HOLDS, LEAST_NEEDS, NO_NEEDS, Bound, Facts
from ctiroute.rules.forms import Demands, OneOf, Same, those
from ctiroute.rules.guards import Dimension, by_heads
from ctiroute.rules.kinds import ConditionKind, Probe, Scope
from ctiroute.rules.values import VALUE_FRAGMENT, Wanted, demands_of, tests_of, wanted, wanted_values

if TYPE_CHECKING:
    from collections.abc import Callable

    from ctiroute.documents import Node
    from ctiroute.model import CallerContext, Customer
    from ctiroute.rules.guards import Guards

CHOSEN = "chosen"  # several candidates, and an operator has said which of them calls from this number
IDENTITIES = (*IdentityKind, CHOSEN)
IDENTITY = Dimension("identity", lambda facts: (facts.context.identity.kind,))
_HIDE_CHOICE = (IdentityKind.KNOWN, IdentityKind.AMBIGUOUS)  # the kinds that may hide a choice


def read(node: Node, scope: Scope) -> Probe:  # noqa: C901 - one key after the other
    """Compile the condition; `customer: known` is short for `customer: {identity: known}`."""
    identities: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    attributes: dict[str, Wanted] = {}
    customer_id: Wanted | None = None
    if isinstance(node, Mapping):
        with fields(node, "customer") as f:
            identities = f.get("identity", one_or_list(choice(*IDENTITIES)), ())
            languages = f.get("language", one_or_list(language), ())
            attributes = f.get("attributes", wanted_values(scope), {})
            customer_id = f.get("id", wanted(scope), None)
            if not f.node.entries:
                f.wrong(node, "expected at least one of: identity, id, language, attributes")
    else:
        identities = one_or_list(choice(*IDENTITIES))(node)
    tests = tests_of(attributes)
    id_fits = customer_id.fits if customer_id else None
    about_person = bool(languages or tests or customer_id)
    by_choice = CHOSEN in identities
    asked = (*(["id"] if customer_id else []), *(["language"] if languages else []), *(f"attribute {name}" for name in attributes))

    def fits(customer: Customer) -> bool:
        return (
            (not languages or _speaks(customer, languages)) and _has(customer, tests) and (id_fits is None or id_fits(customer.customer_id))
        )

    def test(facts: Facts) -> Bound | None:
        identity = facts.context.identity
        if by_choice and (one := chosen(facts.context)) is not None:
            return HOLDS if not about_person or fits(one) else None
        if identities and identity.kind not in identities:
            return None
        if about_person and not (identity.customers and all(map(fits, identity.customers))):
            return None
        return HOLDS

    def seen(facts: Facts) -> str:
        identity = facts.context.identity
        one = chosen(facts.context) if by_choice else None
        words = [f"{identity.kind.value}, chosen" if one else identity.kind.value]
        for customer in (one,) if one else identity.customers:
            words += _shown(customer, asked)
        return ", ".join(words)

    def demands() -> Demands:
        made = those(identity=OneOf(frozenset(identities), alone=True), language=Same(languages))
        return {**made, **demands_of("id", {"": customer_id} if customer_id else {}), **demands_of("attributes", attributes)}

    values = {**({"id": customer_id} if customer_id else {}), **attributes}
    return Probe(
        test,
        seen,
        _words(identities, languages, values),
        LEAST_NEEDS if by_choice else NO_NEEDS,
        _guards(identities, attributes),
        None if by_choice else demands,
    )


KIND = ConditionKind(
    "customer",
    "Whether the caller is known, and what is known of them.",
    read,
    shape.short_or(
        shape.many(shape.words(*IDENTITIES)),
        shape.mapping(
            {
                "identity": shape.about(shape.many(shape.words(*IDENTITIES)), "Whether we know who it is."),
                "id": shape.about(VALUE_FRAGMENT, "The company's own key of the customer."),
                "language": shape.about(shape.many(shape.language()), "Of the last contact; uk fits uk-UA too.", "uk"),
                "attributes": shape.about(
                    shape.mapping_of(VALUE_FRAGMENT, mark=shape.ATTRIBUTE),
                    "What is known of the customer, by name.",
                ),
            },
            least=1,
        ),
    ),
    "{identity: known, attributes: {segment: [vip, gold], city: {list: big-cities}}, language: uk}",
)


def _guards(identities: tuple[str, ...], attributes: dict[str, Wanted]) -> Guards:
    """Return what a call must have. The candidate who was chosen need not be the first, whose attributes the index looks at."""
    if CHOSEN in identities:
        kinds = frozenset(identities).union(_HIDE_CHOICE) - {CHOSEN}
        return {IDENTITY: by_heads(kinds, kinds.__contains__)}
    guards = {attribute(name): one.guard for name, one in attributes.items()}
    return {**guards, IDENTITY: by_heads(identities, identities.__contains__)} if identities else guards


def _words(identities: tuple[str, ...], languages: tuple[str, ...], values: dict[str, Wanted]) -> str:
    words = [" or ".join(identities)] if identities else []
    words += [f"language {' or '.join(languages)}"] if languages else []
    return ", ".join([*words, *(f"{name} {one.words}" for name, one in values.items())])


def _shown(customer: Customer, asked: tuple[str, ...]) -> list[str]:
    """Return what is known of a customer about what was asked: "id", "language", "attribute <name>"."""
    values = {"id": customer.customer_id, "language": customer.language}
    found = ((one.removeprefix("attribute "), values[one] if one in values else customer.attributes.get(one[10:])) for one in asked)
    return [f"{name} {value or 'not known'}" for name, value in found]


def attribute(name: str) -> Dimension:
    """Return the dimension of one attribute: its value at the first candidate, for whoever fits has to fit there too."""

    def values(facts: Facts) -> tuple[str, ...]:
        customers = facts.context.identity.customers
        return (customers[0].attributes.get(name, ""),) if customers else ()

    return Dimension(f"attribute {name}", values, fold=True)


def chosen(context: CallerContext) -> Customer | None:
    """Return the candidate whom an operator has chosen: for this call, or for the last one from this number that has a customer."""
    customers = context.identity.customers
    if len(customers) < 2:  # noqa: PLR2004 - of one nobody chooses
        return None
    if context.identity.kind is IdentityKind.KNOWN:
        return customers[0]
    last = next((call.customer_id for call in context.calls if call.customer_id is not None), None)
    return next((one for one in customers if one.customer_id == last), None)


def _speaks(customer: Customer, languages: tuple[str, ...]) -> bool:
    spoken = customer.language
    return spoken is not None and (spoken in languages or spoken.partition("-")[0] in languages)


def _has(customer: Customer, tests: tuple[tuple[str, Callable[[str], bool]], ...]) -> bool:
    for name, test in tests:  # noqa: SIM110 - a generator costs twice the loop, and every call comes by here
        if not test(customer.attributes.get(name, "")):
            return False
    return True
