"""`announce`: what the caller hears first; CTI_ANNOUNCE, for Playback(). One sound file or several, one after the other.

A name in braces picks the file: `status/{interaction.status}` says how a request stands. Of its value only letters, digits, _ and -
are taken, so that no value leads out of the folder it stands in; a file whose value is missing is left out.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ctiroute.documents import one_or_list, refuse, text
from ctiroute.rules import fragments as shape
from ctiroute.rules.actions.texts import template
from ctiroute.rules.kinds import ActionKind, Deed, Draft, Scope
from ctiroute.rules.names import MAX_VALUE, name
from ctiroute.rules.template import Subject, fill_words

if TYPE_CHECKING:
    from ctiroute.documents import Node
    from ctiroute.rules.facts import Bound, Facts

MAX_SOUNDS = 8  # a caller who has to listen longer hangs up
_NAME = re.compile(r"\{[^{}]*\}")


def read(node: Node, _scope: Scope) -> Deed:
    """Compile the action."""
    sounds = one_or_list(_sound)(node)
    if len(sounds) > MAX_SOUNDS:
        refuse(node, f"expected at most {MAX_SOUNDS} sound files")
    fixed = "&".join(sounds)
    if "{" not in fixed and len(fixed) > MAX_VALUE:
        refuse(node, f"expected at most {MAX_VALUE} characters in all")

    def always(draft: Draft, _facts: Facts, _bound: Bound) -> None:
        draft.announce = fixed

    def filled(draft: Draft, facts: Facts, bound: Bound) -> None:
        subject = Subject(facts.context, bound.touch, bound.interaction, facts.now)
        said: list[str] = []
        for sound in sounds:
            file = fill_words(sound, subject) if "{" in sound else sound
            if file and len("&".join((*said, file))) <= MAX_VALUE:
                said.append(file)
        draft.announce = "&".join(said) or draft.announce

    return Deed(filled if "{" in fixed else always)


def _sound(node: Node) -> str:
    value = text(node)
    if "{" not in value and "}" not in value:
        return name("sound file")(node)
    template(node)
    around = _NAME.sub("x", value)
    if not _name_like(around):
        refuse(node, "expected the name of a sound file", "around names in braces: Latin letters, digits and _ . / + - only")
    return value


def _name_like(value: str) -> bool:
    """Say whether a text could be the path of one sound file."""
    return re.fullmatch(r"[A-Za-z0-9_./+-]{1,128}", value, re.ASCII) is not None and ".." not in value


KIND = ActionKind(
    "announce",
    "What the caller hears first: a sound file, or several.",
    read,
    shape.many({**shape.template(), "allOf": [{"pattern": r"^([A-Za-z0-9_.:@/+&-]|\{[^{}]*\})+$"}]}),
    '[custom/your-request, "status/{interaction.status}"]',
)
