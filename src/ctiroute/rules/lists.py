"""Lists in files of their own: one entry a line, `#` begins a remark. Reads no file itself: texts are handed in."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ctiroute.documents import Scalar, Sequence, refuse, text
from ctiroute.errors import ConfigurationError, Fault

if TYPE_CHECKING:
    from collections.abc import Callable

    from ctiroute.documents import Node

SUFFIX = ".txt"
MAX_ENTRIES = 100_000  # beyond this a customer's attribute is the better place
MAX_ENTRY = 200  # characters, as of a pattern
MAX_FAULTS = 50  # of one file; nobody reads more at once
_REMARK = re.compile(r"(?:^|(?<=\s))#.*")  # not behind a digit: *123# is a number
_MARK = "\ufeff"  # editors of one operating system put it first


def is_file(name: str) -> bool:
    """Say whether a list is named by its file: `lists/partners.txt`."""
    return name.endswith(SUFFIX)


def read_list_file(node: Node, read_text: Callable[[str], str | None]) -> Sequence:
    """Return what a list's file holds, each entry with its place there; `node` names it. Raises with every fault."""
    path = text(node)
    if path.startswith("/") or "\\" in path or ".." in path.split("/") or not is_file(path):
        refuse(node, "expected the path of a text file below the rules", f"write it as lists/partners{SUFFIX}")
    content = read_text(path)
    if content is None:
        refuse(node, "there is no such list", "UTF-8 text of at most 4 MiB; the path is taken from the folder of the rules")
    entries: list[Scalar] = []
    faults: list[Fault] = []
    for number, line in enumerate(content.removeprefix(_MARK).split("\n"), start=1):
        value = _REMARK.sub("", line).rstrip()
        entry = value.lstrip()
        if not entry:
            continue
        column = len(value) - len(entry) + 1
        if len(entry) > MAX_ENTRY or not entry.isprintable():
            faults.append(Fault(path, number, column, f"expected text of at most {MAX_ENTRY} characters", entry[:60], "one entry a line"))
        elif len(entries) >= MAX_ENTRIES:
            faults.append(Fault(path, number, column, f"holds more than {MAX_ENTRIES:,} entries"))
            break
        else:
            entries.append(Scalar(entry, entry, path, number, column))
        if len(faults) >= MAX_FAULTS:
            break
    if faults:
        raise ConfigurationError(faults)
    if not entries:
        raise ConfigurationError([Fault(path, 0, 0, "holds no entries", hint="write one a line")])
    return Sequence(tuple(entries), path, 1, 1)
