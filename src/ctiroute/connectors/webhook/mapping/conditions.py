"""Conditions on a payload: which kind of message it is. All of a mapping have to hold.

when:
  event: message_created                        # equal, as text
  message_type: [incoming, 0]                   # one of
  message.text: {present: true}                 # there, and not null
  sender.type: {not: [user, bot]}               # none of; holds too when nothing is there
  channel: {starts: "Channel::"}                # begins with
  message.contact.user_id: {same: message.from.id}
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ctiroute.connectors.webhook.mapping.path import Path, Place, as_text, parse_path, read_path
from ctiroute.documents import Mapping, Node, Scalar, boolean, fields, kind_of, one_or_list, refuse, text
from ctiroute.errors import ConfigurationError

if TYPE_CHECKING:
    from ctiroute.errors import Fault


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition. Every part that is not None has to hold."""

    path: Path
    one_of: tuple[str, ...] | None = None
    none_of: tuple[str, ...] | None = None
    present: bool | None = None
    starts: str | None = None
    same: Path | None = None

    def holds(self, place: Place) -> bool:
        """Say whether it holds at this place."""
        found = self.path.find(place)
        value = as_text(found)
        return (
            (self.one_of is None or value in self.one_of)
            and (self.none_of is None or value not in self.none_of)
            and (self.present is None or self.present == (found is not None and found != ""))
            and (self.starts is None or (value is not None and value.startswith(self.starts)))
            and (self.same is None or (value is not None and value == as_text(self.same.find(place))))
        )


def all_hold(conditions: tuple[Condition, ...], place: Place) -> bool:
    """Say whether all conditions hold."""
    return all(one.holds(place) for one in conditions)


def read_conditions(node: Node) -> tuple[Condition, ...]:
    """Return the conditions of a mapping of path to what has to stand there. Raises `ConfigurationError`."""
    if not isinstance(node, Mapping):
        refuse(node, f"expected a mapping of path to what has to stand there, not {kind_of(node)}")
    faults: list[Fault] = []
    conditions: list[Condition] = []
    for key, value in node:
        try:
            path = parse_path(key.text)
            if path is None:
                refuse(key, "is no path", "write message.from.id or $headers.x-event")
            conditions.append(_read_condition(path, value))
        except ConfigurationError as error:
            faults.extend(error.faults)
    if faults:
        raise ConfigurationError(faults)
    return tuple(conditions)


def _read_condition(path: Path, node: Node) -> Condition:
    if not isinstance(node, Mapping):
        return Condition(path, one_of=one_or_list(_word)(node))
    with fields(node, "a condition") as f:
        none_of = f.get("not", one_or_list(_word), None)
        present = f.get("present", boolean, None)
        starts = f.get("starts", text, None)
        same = f.get("same", read_path, None)
        if not node.entries:
            f.wrong(node, "says nothing", "write {present: true}, {not: x}, {starts: x} or {same: path}")
    return Condition(path, None, none_of, present, starts, same)


def _word(node: Node) -> str:
    """Return a value as `as_text` gives those of a payload: `true`, `0` and "incoming" are all words here."""
    if isinstance(node, Scalar) and isinstance(node.value, bool):
        return "true" if node.value else "false"
    return text(node)
