"""Every link inside the repository leads somewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import unquote

import pytest

from tests.unit.docs.pages import ROOT, anchors, links, pages

if TYPE_CHECKING:
    from pathlib import Path


def broken(page: Path, root: Path = ROOT) -> list[str]:
    """Return the targets of a page that lead nowhere."""
    wrong = []
    for target in links(page):
        if "://" in target or target.startswith("mailto:"):
            continue
        name, _, anchor = unquote(target).partition("#")
        there = (page.parent / name).resolve() if name else page
        if not there.exists() or not there.is_relative_to(root) or (anchor and there.suffix == ".md" and anchor not in anchors(there)):
            wrong.append(target)
    return wrong


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_links_of_a_page_lead_somewhere(page: Path) -> None:
    """To a file that is there and, with an anchor, to a heading in it."""
    assert broken(page) == []


def test_every_page_of_docs_is_reached_from_the_readme() -> None:
    """A page that nothing links to is not found."""
    seen: set[Path] = set()
    ahead = [ROOT / "README.md"]
    while ahead:
        page = ahead.pop()
        if page in seen or not page.exists():
            continue
        seen.add(page)
        ahead += [
            (page.parent / unquote(target).partition("#")[0]).resolve()
            for target in links(page)
            if target.partition("#")[0].endswith(".md")
        ]
    assert [str(page.relative_to(ROOT)) for page in pages() if page.is_relative_to(ROOT / "docs") and page not in seen] == []


def test_a_broken_link_is_found(tmp_path: Path) -> None:
    """The tests above would notice."""
    page = tmp_path / "page.md"
    page.write_text("# A page\n\n[here](#a-page) [gone](#gone) [no file](none.md) `[code](x.md)`\n", encoding="utf-8")
    assert broken(page, tmp_path) == ["#gone", "none.md"]
