"""The part `callbacks:` of ctiroute.yml, and what is refused in it."""

from __future__ import annotations

from datetime import time
from typing import TYPE_CHECKING

import pytest

from ctiroute.errors import SettingsError
from ctiroute.model.quiet_hours import NEVER_QUIET, QuietHours
from ctiroute.settings import CallbackSettings, load_settings

if TYPE_CHECKING:
    from pathlib import Path

ASTERISK = "asterisk: [{name: main, secret: x}]\n"


def load(folder: Path, text: str) -> CallbackSettings:
    """Return what a file says of callbacks."""
    file = folder / "ctiroute.yml"
    file.write_text(text, encoding="utf-8")
    return load_settings(file, {}).callbacks


def test_all_of_it(tmp_path: Path) -> None:
    """Every key is taken."""
    (tmp_path / "secret").write_text("s3cret\n")
    found = load(
        tmp_path,
        f"{ASTERISK}callbacks: {{pbx: main, username: caller, secret_file: secret, quiet: 21:30-08:00, queue: promo, first: customer,"
        " attempts: 5, pause_minutes: 30, window_hours: 12, at_once: 2, operator_s: 20, customer_s: 40,"
        " customer_channel: 'PJSIP/{digits}@t'}",
    )
    assert found == CallbackSettings(
        "main", "caller", "s3cret", "21:30-08:00", "promo", "customer", 5, 30, 12, 2, 20, 40, "PJSIP/{digits}@t"
    )
    assert found.quiet_hours == QuietHours(time(21, 30), time(8))
    assert CallbackSettings(quiet="none").quiet_hours == NEVER_QUIET


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("callbacks: {quiet: 8pm-9am}", "two times of day"),
        ("callbacks: {quiet: 24:00-09:00}", "two times of day"),
        ("callbacks: {customer_channel: PJSIP/100}", "everybody would ring the same phone"),
        ("callbacks: {customer_channel: 'PJSIP/{number},30,t'}", "filters out"),
        ("callbacks: {first: both}", "operator"),
        ("callbacks: {attempts: 100}", "20"),
        ("callbacks: {atonce: 1}", "at_once"),
        ("callbacks: {secret: x}", "need an Asterisk"),
        (f"{ASTERISK}callbacks: {{secret: x, pbx: other}}", "no Asterisk named 'other'"),
    ],
)
def test_mistakes(tmp_path: Path, text: str, complaint: str) -> None:
    """Each is named."""
    with pytest.raises(SettingsError) as caught:
        load(tmp_path, text)
    assert complaint in str(caught.value)
