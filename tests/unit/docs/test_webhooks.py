"""docs/reference/webhooks.md is true: its example of a check takes what we sign, its event is one, and every event has its row."""

from __future__ import annotations

import json
import time

from ctiroute.app.attribution import About, follow
from ctiroute.connectors.announce.outbox import body_of
from ctiroute.connectors.announce.sending import REFUSED
from ctiroute.connectors.announce.signature import sign
from tests.unit.app.test_attribution import INTERACTION, NOW, QUIET, SENT, lent, note
from tests.unit.docs.pages import ROOT, blocks

PAGE = ROOT / "docs" / "reference" / "webhooks.md"


def test_the_example_of_a_check_takes_what_we_sign() -> None:
    """And refuses another body, another secret, and what is old."""
    (block,) = [each for each in blocks("python") if each.page == "docs/reference/webhooks.md"]
    names: dict[str, object] = {}
    exec(compile(block.text, str(block), "exec"), names)  # noqa: S102 - the page's own code
    is_ours = names["is_ours"]
    assert callable(is_ours)
    body, now = b'{"id":"e-1"}', int(time.time())
    assert is_ours("secret", sign("secret", now, body), body)
    assert not is_ours("other", sign("secret", now, body), body)
    assert not is_ours("secret", sign("secret", now, body), body + b" ")
    assert not is_ours("secret", sign("secret", now - 301, body), body)


def test_the_event_on_the_page_has_the_members_of_a_real_one() -> None:
    """A member that is added, or renamed, needs its place there."""
    (shown,) = [json.loads(each.text) for each in blocks("json") if each.page == "docs/reference/webhooks.md"]
    following = follow(lent(), About(touch=SENT), NOW, quiet=QUIET, past_menu=True, language="en")
    (real,) = [json.loads(body_of(each)) for each in following.announcements if each.kind == "touch.answered"]
    assert list(real) == list(shown)
    assert list(real["data"]) == list(shown["data"])
    assert list(real["data"]["touch"]) == list(shown["data"]["touch"])


def test_every_member_of_every_event_is_named() -> None:
    """What a call brings about is described whole."""
    page = PAGE.read_text(encoding="utf-8")
    following = follow(
        lent(note("x", code="sold")), About(touch=SENT, interaction=INTERACTION), NOW, quiet=QUIET, past_menu=True, language="en"
    )
    assert {each.kind for each in following.announcements} == {"call.ended", "touch.answered", "wrap_up", "interaction.changed"}
    for each in following.announcements:
        assert f"| `{each.kind}` |" in page
        missing = [name for name in each.data if f"`{name}`" not in page]
        assert missing == [], each.kind


def test_the_statuses_that_end_it_are_those_of_the_page() -> None:
    """An admin reads there why an event was given up at once."""
    (row,) = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if "given up at once" in line]
    assert [int(number) for number in row.split("|")[1].split(",")] == sorted(REFUSED)
