"""`menu`: the caller hears this voice menu; CTI_ACTION=menu, CTI_MENU. With `likely` or `order`, its options in that order; CTI_MENU_ORDER.

What an option is, and how it is said, is the dialplan's: here it is a name. `likely` says which campaigns and topics an option is for; the
likeliest reason of this call puts its option first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ctiroute.documents import Mapping, fields, list_of, mapping_of, one_or_list, refuse, text
from ctiroute.model import InteractionStatus, ReasonKind, TouchStatus, Verdict
from ctiroute.rules import fragments as shape
from ctiroute.rules.globs import any_glob, pattern
from ctiroute.rules.kinds import ActionKind, Deed, Draft, Scope
from ctiroute.rules.names import MAX_VALUE, OPTION, name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ctiroute.documents import Node
    from ctiroute.rules.facts import Bound, Facts

    Fits = Callable[[ReasonKind, str], bool]  # whether an option is for what was sent by a campaign, or a conversation about a topic

MAX_OPTIONS = 9  # keys of a telephone, without 0 and the signs
_MEANING = "the name of an option: Latin letters, digits, _ and -"


def read(node: Node, scope: Scope) -> Deed:
    """Compile the action; `menu: welcome` is short for `menu: {name: welcome}`."""
    known = name("menu", scope.names.menus)
    order: tuple[str, ...] = ()
    likely: dict[str, Fits] = {}
    if isinstance(node, Mapping):
        with fields(node, "menu") as f:
            menu = f.require("name", known)
            likely = f.get("likely", mapping_of(_for_what, key=_option), {})
            order = f.get("order", list_of(_option), ())
            options = dict.fromkeys((*likely, *order))
            if len(options) > MAX_OPTIONS or len(set(order)) < len(order) or len("&".join(options)) > MAX_VALUE:
                place = f.node.entries["order" if order else "likely"][1]
                f.wrong(place, f"expected at most {MAX_OPTIONS} options, each once, and {MAX_VALUE} characters of names in all")
    else:
        menu = known(node)

    def fixed(draft: Draft, _facts: Facts, _bound: Bound) -> None:
        draft.menu, draft.menu_order = menu, order

    def ranked(draft: Draft, facts: Facts, _bound: Bound) -> None:
        first = dict.fromkeys(option for kind, key in _matters(facts) for option, fits in likely.items() if fits(kind, key))
        draft.menu, draft.menu_order = menu, tuple(dict.fromkeys((*first, *order)))
        seen = ", ".join(first) or "no reason that an option is for"
        draft.remarks.append(lambda: Verdict("then.menu", f"options by likely reason: {', '.join(likely)}", seen, matched=bool(first)))

    return Deed(ranked if likely else fixed)


def _matters(facts: Facts) -> Iterable[tuple[ReasonKind, str]]:
    """Return what this call may be about, the likeliest first; the newest first while nobody has told how likely it is."""
    context = facts.context
    if context.reasons:
        return ((reason.kind, reason.key) for reason in context.reasons)
    sent = [(one.sent_at, ReasonKind.TOUCH, one.campaign) for one in context.touches if one.status is not TouchStatus.FAILED]
    held = (
        (one.updated_at, ReasonKind.INTERACTION, one.topic) for one in context.interactions if one.status is not InteractionStatus.CLOSED
    )
    return ((kind, key) for _, kind, key in sorted((*sent, *held), reverse=True))


def _for_what(node: Node) -> Fits:
    """Parse what one option is for."""
    with fields(node, "option") as f:
        campaigns = f.get("campaign", one_or_list(pattern), ())
        topics = f.get("topic", one_or_list(pattern), ())
    if not campaigns and not topics:
        refuse(node, "expected campaign or topic", 'write what this option is for: {campaign: "autumn-*"}')
    patterns = {ReasonKind.TOUCH: campaigns, ReasonKind.INTERACTION: topics}
    tests = {kind: any_glob(some) for kind, some in patterns.items() if some}
    return lambda kind, key: kind in tests and tests[kind](key)


def _option(node: Node) -> str:
    value = text(node)
    if not OPTION.fullmatch(value):
        refuse(node, f"expected {_MEANING}")
    return value


_FOR_WHAT = shape.mapping(
    {
        "campaign": shape.about(shape.many(shape.pattern(shape.CAMPAIGN)), "Campaigns it is for; * stands for any text.", "autumn-*"),
        "topic": shape.about(shape.many(shape.pattern(shape.TOPIC)), "Topics of conversations it is for.", "credit-*"),
    },
    least=1,
)

KIND = ActionKind(
    "menu",
    "The caller hears this voice menu.",
    read,
    shape.short_or(
        shape.name("menu", shape.MENU),
        shape.mapping(
            {
                "name": shape.about(shape.name("menu", shape.MENU), "The menu."),
                "likely": shape.about(
                    shape.mapping_of(_FOR_WHAT, keys=f"^{OPTION.pattern}$", meaning=_MEANING, most=MAX_OPTIONS),
                    "Options with what they are for: that of this caller's likeliest reason comes first.",
                ),
                "order": shape.about(
                    {**shape.list_of(shape.matching(f"^{OPTION.pattern}$", _MEANING)), "maxItems": MAX_OPTIONS, "uniqueItems": True},
                    "Its options, the likeliest first; those that are not named come after.",
                    ["application", "cards"],
                ),
            },
            required=["name"],
        ),
    ),
    '{name: welcome, likely: {offer: {campaign: "autumn-*"}}, order: [application, cards]}',
    excludes=frozenset({"queue", "operator", "extension", "continue"}),
)
