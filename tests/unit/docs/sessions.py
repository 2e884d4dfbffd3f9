"""Recorded terminal sessions in the pages: blocks that begin with ```console session, run again by the tests.

A line that begins with `$ ` is a command: `ctiroute` runs here, anything else in a shell. What stands below it is what it printed; a line
of `…` stands for any lines. All sessions of a page share one folder, which holds a copy of the shipped `rules/`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[3]
_BLOCK = re.compile(r"^```console session\n(?P<text>.*?)^```$", re.DOTALL | re.MULTILINE)
_VERSION = re.compile(r"\b[0-9a-f]{12}\b")  # of rules: it follows from the files, and says nothing here
ANY = "…"


@dataclass(frozen=True, slots=True)
class Command:
    """One command of a session, and what it printed."""

    place: str
    line: str
    printed: tuple[str, ...]


def pages() -> list[Path]:
    """Return the pages that hold sessions."""
    return [path for path in sorted((ROOT / "docs").rglob("*.md")) if _BLOCK.search(path.read_text(encoding="utf-8"))]


def commands(page: Path) -> list[Command]:
    """Return every command of a page's sessions, in order."""
    text = page.read_text(encoding="utf-8")
    found: list[Command] = []
    for block in _BLOCK.finditer(text):
        first = text.count("\n", 0, block.start("text")) + 1
        lines = block["text"].splitlines()
        starts = [index for index, line in enumerate(lines) if line.startswith("$ ")]
        for start, end in zip(starts, [*starts[1:], len(lines)], strict=True):
            line, printed = lines[start][2:], lines[start + 1 : end]
            if "<<" in line:  # a document in place: it reaches up to its mark
                mark = line.rpartition("<<")[2].strip(" '\"")
                length = printed.index(mark) + 1
                line, printed = "\n".join([line, *printed[:length]]), printed[length:]
            found.append(Command(f"{page.name}:{first + start}", line, tuple(printed)))
    return found


def fits(printed: list[str], recorded: tuple[str, ...]) -> bool:
    """Say whether a command printed what was recorded; versions of rules and spaces at the ends of lines do not count."""
    pattern = ""
    for line in recorded:
        pattern += r"(?:.*\n)*?" if line.strip() == ANY else re.escape(_plain(line)) + r"\n"
    return re.fullmatch(pattern, "".join(f"{_plain(line)}\n" for line in printed)) is not None


def _plain(line: str) -> str:
    return _VERSION.sub("(version)", line.rstrip())
