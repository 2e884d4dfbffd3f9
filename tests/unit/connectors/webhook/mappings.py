"""Small mapping files for tests, and payloads put through them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ctiroute.connectors.webhook.mapping import Brought, Reading, bring, load_mapping, place_of

if TYPE_CHECKING:
    from collections.abc import Mapping as Map

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
HOW = Reading("UA", NOW)
HEAD = "about: test\nsignature: none\nkinds:\n"
LEAST = """\
  - name: message
    interaction:
      id: chat
      medium: {text: chat}
      from: {visitor: who}
"""


def through(kinds: str, payload: object, *, headers: Map[str, str] | None = None, query: Map[str, str] | None = None) -> Brought:
    """Return what a mapping with these kinds makes of a payload."""
    return bring(load_mapping(HEAD + kinds, "test.yml"), "test", place_of(payload, headers or {}, query or {}), HOW)
