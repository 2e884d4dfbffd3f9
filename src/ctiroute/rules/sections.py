"""The parts of a rule file: the keys at its top, each with the shape of its value. Schema, headings and lint walk them.

Whoever adds a key to `load.py` adds its section here; a test holds the two together.
"""

from __future__ import annotations

from dataclasses import dataclass

from ctiroute.rules import fragments as shape
from ctiroute.rules.catalogue import ENTRY_FRAGMENT
from ctiroute.rules.fragments import Fragment
from ctiroute.rules.hours import CALENDAR_FRAGMENT, HOURS_FRAGMENT
from ctiroute.rules.messages import MESSAGES_FRAGMENT

A_FILE = "a-file"  # the heading of the page about what a file holds


@dataclass(frozen=True, slots=True)
class Section:
    """One key at the top of a file."""

    summary: str  # one sentence, for the editor's hint
    fragment: Fragment
    heading: str = A_FILE  # where the page about rules tells of it


RULE = shape.mapping(
    {
        "name": shape.about(shape.name("rule"), "Shown on screens and in reports; unique."),
        "when": shape.about(shape.reference("conditions"), "Conditions, all of which have to hold; {} holds for every call."),
        "then": shape.about(shape.reference("actions"), "What happens to the call."),
    },
    required=["name", "when", "then"],
)


def _or_nothing(fragment: Fragment) -> Fragment:
    """Return the fragment of what may be empty: all of it is commented out."""
    return {"if": {"type": "null"}, "then": {}, "else": fragment}


_CONSTANT_NAME = "^[A-Za-z][A-Za-z0-9_-]{0,63}$"
_CONSTANT: Fragment = {"type": ["string", "number", "boolean"]}

SECTIONS = {
    "rules": Section("Rules, first match first.", _or_nothing({"type": "array", "items": RULE})),
    "default": Section("Actions for calls that no rule takes; exactly one file has it.", shape.reference("actions")),
    "lists": Section(
        "Named lists of numbers or words.",
        _or_nothing(
            {**shape.mapping_of(shape.list_or_file(shape.text())), "minProperties": 0, shape.MARK_KEYS: shape.DEFINES + shape.LIST}
        ),
    ),
    "hours": Section(
        "Named opening hours.",
        _or_nothing({**shape.mapping_of(HOURS_FRAGMENT), "minProperties": 0, shape.MARK_KEYS: shape.DEFINES + shape.HOURS}),
        "hours",
    ),
    "calendars": Section(
        "Named days off that opening hours share.",
        _or_nothing({**shape.mapping_of(CALENDAR_FRAGMENT, mark=shape.DEFINES + shape.CALENDAR), "minProperties": 0}),
        "hours",
    ),
    "conditions": Section(
        "Named conditions, for use.",
        _or_nothing({**shape.mapping_of(shape.reference("some-conditions"), mark=shape.DEFINES + shape.CONDITION), "minProperties": 0}),
        "use",
    ),
    "offers": Section(
        "The catalogue of what else may be proposed.",
        _or_nothing({**shape.mapping_of(ENTRY_FRAGMENT), "minProperties": 0}),
        "offers",
    ),
    "messages": Section("Rules over messages of other media, which raise flags.", _or_nothing(MESSAGES_FRAGMENT), "messages"),
    "constants": Section(
        "Values that have a name: ${fresh} wherever a value stands.",
        _or_nothing(
            {
                **shape.mapping_of(
                    shape.many(_CONSTANT), keys=_CONSTANT_NAME, meaning="the name of a constant", mark=shape.DEFINES + shape.CONSTANT
                ),
                "minProperties": 0,
            }
        ),
        "constants",
    ),
    "timezone": Section("Where hours that name none are, and in which times are written: Europe/Kyiv; one file has it.", shape.text()),
}
