"""The part `continue_link:` of ctiroute.yml, and what is refused in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ctiroute.errors import SettingsError
from ctiroute.settings import load_settings
from ctiroute.settings.model import ContinueSettings

if TYPE_CHECKING:
    from pathlib import Path


def test_a_page_and_a_secret_in_a_file_are_read(tmp_path: Path) -> None:
    """The secret may stand in a file of its own, beside or as a variable."""
    (tmp_path / "key").write_text("sixteen letters and more\n")
    file = tmp_path / "ctiroute.yml"
    file.write_text("continue_link: {url: 'https://www.example.com/form?continue={token}', secret_file: key, hours: 24}")
    expected = ContinueSettings("https://www.example.com/form?continue={token}", "sixteen letters and more", 24.0)
    assert load_settings(file, {}).continue_link == expected
    by_variable = load_settings(None, {"CTIROUTE_CONTINUE_LINK_SECRET_FILE": str(tmp_path / "key")})
    assert by_variable.continue_link == ContinueSettings(secret=expected.secret)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{secret: short}", "16 characters"),
        ("{url: 'http://www.example.com/{token}'}", "expected an https URL"),
        ("{url: 'https://{token}.example.com/'}", "host of its own"),
        ("{url: 'https://www.example.com/'}", "{token} once"),
        ("{url: 'https://[/{token}'}", "expected a URL"),
        ("{hours: 0}", "0.1"),
        ("{page: x}", "page"),
    ],
)
def test_what_cannot_be_used_is_named(tmp_path: Path, text: str, message: str) -> None:
    """A link that leads nowhere, or that anybody could sign, is found at the start."""
    file = tmp_path / "ctiroute.yml"
    file.write_text(f"continue_link: {text}")
    with pytest.raises(SettingsError, match=message):
        load_settings(file, {})
