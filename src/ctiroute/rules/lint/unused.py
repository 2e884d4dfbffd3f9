"""Lists, hours and conditions that have a name and that nothing refers to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ctiroute.documents import Mapping, Scalar, fault
from ctiroute.rules.constants import constants_in
from ctiroute.rules.fragments import CONSTANT, DEFINES
from ctiroute.rules.lint.finding import NOTE, Lint

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ctiroute.errors import Fault
    from ctiroute.rules.lint.subject import Subject


def find(subject: Subject) -> Iterator[Fault]:
    """Yield the names that are defined and never used."""
    used = {(mark, node.text) for mark, node in subject.marked if isinstance(node, Scalar)}
    used |= {(CONSTANT, name) for root in subject.written.values() for name in constants_in(root)}
    for mark, node in subject.marked:
        what = mark.removeprefix(DEFINES)
        if what != mark and isinstance(node, Mapping):
            yield from (fault(key, f"nothing uses the {what} of this name", "remove it") for key, _ in node if (what, key.text) not in used)


LINT = Lint("unused-definition", NOTE, "A list, hours or conditions with a name that nothing refers to.", find)
