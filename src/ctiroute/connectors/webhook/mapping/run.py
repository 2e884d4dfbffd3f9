"""A payload and its mapping -> what is to be kept. The one place where a kind meets a message; knows no transport."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ctiroute.connectors.webhook.mapping.conditions import all_hold
from ctiroute.connectors.webhook.mapping.interaction import InteractionShape
from ctiroute.connectors.webhook.mapping.outreach import ReceiptShape
from ctiroute.connectors.webhook.mapping.path import MAX_ITEMS, Place
from ctiroute.connectors.webhook.mapping.sharing import Useless
from ctiroute.connectors.webhook.mapping.signature import Unsigned
from ctiroute.model import Receipt, Touch
from ctiroute.model.intake import Intake

if TYPE_CHECKING:
    from collections.abc import Iterator
    from collections.abc import Mapping as Map

    from ctiroute.connectors.webhook.mapping.conversions import Reading
    from ctiroute.connectors.webhook.mapping.load import Kind, Mapping

MAX_NOTES = 20  # of one arrival; nobody reads more


@dataclass(frozen=True, slots=True)
class Brought:
    """What one arrival tells."""

    intakes: tuple[Intake, ...] = ()
    receipts: tuple[Receipt, ...] = ()
    touches: tuple[Touch, ...] = ()
    kinds: tuple[str, ...] = ()  # names of the kinds that took part in it, each once
    refused: tuple[str, ...] = ()  # what was meant for us, and why nothing can be kept of it
    notes: tuple[str, ...] = ()  # what was left out of the rest

    def __bool__(self) -> bool:
        return bool(self.intakes or self.receipts or self.touches)


def place_of(payload: object, headers: Map[str, str], query: Map[str, str]) -> Place:
    """Return where the paths of a mapping begin. Names of headers may be in any case."""
    return Place((payload,), {name.lower(): value for name, value in headers.items()}, query)


def bring(mapping: Mapping, source: str, place: Place, how: Reading) -> Brought:
    """Return what the payload tells, under the name of its `source`. Whether it is signed has been looked at before."""
    how = replace(how, zone=mapping.zone)
    signed = not isinstance(mapping.signature, Unsigned)
    intakes: list[Intake] = []
    receipts: list[Receipt] = []
    touches: list[Touch] = []
    kinds: dict[str, None] = {}
    refused: list[str] = []
    notes: list[str] = []
    for kind in mapping.kinds:
        for item in _items(kind, place, refused):
            if not all_hold(kind.when, item):
                continue
            kinds[kind.name] = None
            said: list[str] = []
            try:
                if isinstance(kind.shape, InteractionShape):
                    intakes.append(kind.shape.make(item, how, source, said, signed=signed))
                elif isinstance(kind.shape, ReceiptShape):
                    receipts.append(kind.shape.make(item, how, said))
                else:
                    touches.append(kind.shape.make(item, how, said))
            except Useless as useless:
                refused.append(f"{kind.name}: {useless}" + (f" ({'; '.join(said)})" if said else ""))
            else:
                notes.extend(f"{kind.name}: {one}" for one in said)
    return Brought(tuple(intakes), tuple(receipts), tuple(touches), tuple(kinds), tuple(refused[:MAX_NOTES]), tuple(notes[:MAX_NOTES]))


def _items(kind: Kind, place: Place, refused: list[str]) -> Iterator[Place]:
    if kind.each is None:
        yield place
        return
    for number, item in enumerate(kind.each.walk(place)):
        if number >= MAX_ITEMS:
            refused.append(f"{kind.name}: more than {MAX_ITEMS} items; the others are left out")
            return
        yield item
