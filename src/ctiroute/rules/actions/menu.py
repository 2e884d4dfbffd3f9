"""`menu`: the caller hears this voice menu; CTI_ACTION=menu, CTI_MENU. With `order`, its options in that order; CTI_MENU_ORDER.

What an option is, and how it is said, is the dialplan's: here it is a name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ctiroute.documents import Mapping, fields, list_of, refuse, text
from ctiroute.rules import fragments as shape
from ctiroute.rules.kinds import ActionKind, Deed, Draft, Scope
from ctiroute.rules.names import MAX_VALUE, OPTION, name

if TYPE_CHECKING:
    from ctiroute.documents import Node
    from ctiroute.rules.facts import Bound, Facts

MAX_OPTIONS = 9  # keys of a telephone, without 0 and the signs
_MEANING = "the name of an option: Latin letters, digits, _ and -"


def read(node: Node, scope: Scope) -> Deed:
    """Compile the action; `menu: welcome` is short for `menu: {name: welcome}`."""
    known = name("menu", scope.names.menus)
    order: tuple[str, ...] = ()
    if isinstance(node, Mapping):
        with fields(node, "menu") as f:
            menu = f.require("name", known)
            order = f.get("order", _order, ())
    else:
        menu = known(node)

    def effect(draft: Draft, _facts: Facts, _bound: Bound) -> None:
        draft.menu, draft.menu_order = menu, order

    return Deed(effect)


def _order(node: Node) -> tuple[str, ...]:
    options = list_of(_option)(node)
    if len(options) > MAX_OPTIONS or len(set(options)) < len(options) or len("&".join(options)) > MAX_VALUE:
        refuse(node, f"expected at most {MAX_OPTIONS} options, each once, and {MAX_VALUE} characters of names in all")
    return options


def _option(node: Node) -> str:
    value = text(node)
    if not OPTION.fullmatch(value):
        refuse(node, f"expected {_MEANING}")
    return value


KIND = ActionKind(
    "menu",
    "The caller hears this voice menu.",
    read,
    shape.short_or(
        shape.name("menu", shape.MENU),
        shape.mapping(
            {
                "name": shape.about(shape.name("menu", shape.MENU), "The menu."),
                "order": shape.about(
                    {**shape.list_of(shape.matching(f"^{OPTION.pattern}$", _MEANING)), "maxItems": MAX_OPTIONS, "uniqueItems": True},
                    "Its options, the likeliest first; those that are not named come after.",
                    ["application", "cards"],
                ),
            },
            required=["name"],
        ),
    ),
    "{name: welcome, order: [application, cards]}",
    excludes=frozenset({"queue", "operator", "extension", "continue"}),
)
