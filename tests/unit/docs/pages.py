"""The repository's own Markdown pages: their fenced blocks, links and headings."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[3]
_FOREIGN = {"node_modules", "dist", "build", "ROOT"}  # and every directory that begins with a dot
_FENCE = re.compile(r"^(?P<indent> *)```(?P<language>\w*)[^\n]*\n(?P<text>.*?)^(?P=indent)```$", re.DOTALL | re.MULTILINE)
_LINK = re.compile(r"\[[^\]\[]*\]\((?P<target>[^)\s]+)\)")
_HEADING = re.compile(r"^#{1,6} +(.+?) *$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Block:
    """One fenced block."""

    page: str
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def pages() -> list[Path]:
    """Return every page of the repository."""
    found = []
    for path in sorted(ROOT.rglob("*.md")):
        inside = path.relative_to(ROOT).parts[:-1]
        if not any(part in _FOREIGN or part.startswith(".") for part in inside):
            found.append(path)
    return found


def guides() -> list[Path]:
    """Return the pages that are written for users: README and docs."""
    return [path for path in pages() if path == ROOT / "README.md" or path.is_relative_to(ROOT / "docs")]


def blocks(*languages: str) -> Iterator[Block]:
    """Yield the fenced blocks in these languages of all guides."""
    for path in guides():
        text = path.read_text(encoding="utf-8")
        for found in _FENCE.finditer(text):
            if found["language"] in languages:
                body = re.sub(rf"^{found['indent']}", "", found["text"], flags=re.MULTILINE)
                yield Block(str(path.relative_to(ROOT)), text.count("\n", 0, found.start()) + 1, found["language"], body)


def prose(path: Path) -> str:
    """Return a page without its fenced blocks."""
    return _FENCE.sub("", path.read_text(encoding="utf-8"))


def links(path: Path) -> Iterator[str]:
    """Yield the targets of a page's links and pictures, those in code left out."""
    for found in _LINK.finditer(re.sub(r"`[^`\n]*`", "`code`", prose(path))):
        yield found["target"]


def anchors(path: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub makes them."""
    made: set[str] = set()
    for heading in _HEADING.findall(prose(path)):
        words = re.sub(r"[^\w\- ]", "", re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower()).replace(" ", "-")
        name, again = words, 0
        while name in made:
            again += 1
            name = f"{words}-{again}"
        made.add(name)
    return made
