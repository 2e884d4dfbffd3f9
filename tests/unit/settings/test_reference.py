"""The reference of settings is complete and true."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import pytest

from ctiroute.settings import (
    AsteriskSettings,
    CallbackSettings,
    ClosedLoopSettings,
    ContinueSettings,
    FastAgiSettings,
    RetentionSettings,
    Settings,
    WebSettings,
)

PARTS = {
    "callbacks",
    "fastagi",
    "asterisk",
    "web",
    "retention",
    "webhooks",
    "closed_loop",
    "wrap_up",
    "connectors",
    "continue_link",
}  # have tables of their own
REFERENCE = Path(__file__).parents[3] / "docs" / "reference" / "configuration.md"


def rows(heading: str) -> dict[str, str]:
    """Return key -> default of the table under a heading."""
    section = REFERENCE.read_text(encoding="utf-8").split(f"\n## {heading}\n")[1].split("\n## ")[0]
    return dict(re.findall(r"^\| `(\w+)` \| (.*?) \|", section, re.MULTILINE))


@pytest.mark.parametrize(
    ("heading", "kind"),
    [
        ("General", Settings),
        ("fastagi", FastAgiSettings),
        ("asterisk", AsteriskSettings),
        ("web", WebSettings),
        ("retention", RetentionSettings),
        ("closed_loop", ClosedLoopSettings),
        ("callbacks", CallbackSettings),
        ("continue_link", ContinueSettings),
    ],
)
def test_every_setting_is_described_with_its_default(heading: str, kind: type) -> None:
    """A new key needs its row, and a changed default its new value."""
    described = rows(heading)
    scalars = {field.name for field in fields(kind)} - PARTS
    assert set(described) == scalars
    standard = kind()
    for name, default in described.items():
        value = getattr(standard, name)
        if default.startswith("`") and value:
            assert default.split("`")[1] == str(value).replace("False", "false"), name
