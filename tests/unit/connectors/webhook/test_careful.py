"""A message that breaks its reading is let go of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ctiroute.connectors.webhook.careful import bring_carefully
from ctiroute.connectors.webhook.mapping import load_mapping, place_of
from tests.unit.connectors.webhook.mappings import HEAD, HOW, LEAST

if TYPE_CHECKING:
    import pytest

    from ctiroute.connectors.webhook.mapping import Place


def test_a_message_that_breaks_us_is_of_no_use(caplog: pytest.LogCaptureFixture) -> None:
    """It is named in the log, with its cause, and those behind it have their turn."""
    mapping = load_mapping(HEAD + LEAST, "crm.yml")

    def broken() -> Place:
        raise RecursionError("too deep")

    brought = bring_carefully(mapping, "crm", broken, HOW)
    assert (bool(brought), brought.refused) == (False, ("message: it could not be read",))
    assert "connector crm: a message could not be read" in caplog.text
    assert bring_carefully(mapping, "crm", lambda: place_of({"chat": 1, "who": "v"}, {}, {}), HOW)
