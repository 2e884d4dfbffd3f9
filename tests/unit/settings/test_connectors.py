"""`connectors:` of ctiroute.yml: what is read, what is refused, and where secrets come from."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING

import pytest

from ctiroute.errors import SettingsError
from ctiroute.settings import HookSettings, MailboxSettings, TelegramSettings, load_settings
from tests.unit.settings.test_reference import REFERENCE

if TYPE_CHECKING:
    from pathlib import Path

WHOLE = """\
connectors:
  hooks:
    - {name: telegram, secret: s3cret}
    - {name: crm, mapping: mappings/crm.yml}
    - {name: wa-shop, mapping: whatsapp, verify_token: wort}
  imap:
    - {name: support, host: imap.example.com, username: help, days: 7}
  telegram:
    - {name: bot, secret: "123456:AAbbCCddEEffGG"}
"""


def write(folder: Path, text: str) -> Path:
    """Return a settings file that holds this."""
    path = folder / "ctiroute.yml"
    path.write_text(text, encoding="utf-8")
    return path


def test_every_kind_is_read(tmp_path: Path) -> None:
    """A mapping that is not named has the connector's name; a file is meant from the folder of the settings."""
    media = load_settings(write(tmp_path, WHOLE), {}).connectors
    assert media.hooks == (
        HookSettings("telegram", "telegram", "s3cret"),
        HookSettings("crm", str(tmp_path / "mappings" / "crm.yml")),
        HookSettings("wa-shop", "whatsapp", "", "wort"),
    )
    assert media.imap == (MailboxSettings("support", "imap.example.com", "help", days=7),)
    assert media.telegram == (TelegramSettings("bot", "123456:AAbbCCddEEffGG"),)


def test_secrets_come_from_variables_and_files(tmp_path: Path) -> None:
    """A container platform hands them over without a file of settings that holds them."""
    (tmp_path / "password").write_text("geheim\n", encoding="utf-8")
    environ = {
        "CTIROUTE_CONNECTOR_WA_SHOP_SECRET": "app-secret",
        "CTIROUTE_CONNECTOR_WA_SHOP_VERIFY_TOKEN": "other",
        "CTIROUTE_CONNECTOR_SUPPORT_SECRET_FILE": str(tmp_path / "password"),
    }
    media = load_settings(write(tmp_path, WHOLE), environ).connectors
    assert (media.hooks[2].secret, media.hooks[2].verify_token) == ("app-secret", "other")
    assert media.imap[0].secret == "geheim"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("connectors: {hooks: [{name: a}], imap: [{name: a, host: h, username: u}]}", "two connectors have the name a"),
        ("connectors: {hooks: [{name: A B}]}", "expected small letters"),
        ("connectors: {hooks: [{name: a, mapping: Not A File}]}", "neither a shipped mapping nor a file"),
        ("connectors: {telegram: [{name: a, secret: nonsense}]}", "is no token of a bot"),
        ("connectors: {telegram: [{name: a, api: 'javascript:x'}]}", "expected a URL"),
        ("connectors: {hook: []}", "did you mean hooks"),
    ],
)
def test_a_wrong_connector_is_refused(tmp_path: Path, text: str, message: str) -> None:
    """With its place and the remedy."""
    with pytest.raises(SettingsError, match=message):
        load_settings(write(tmp_path, text), {})


def test_a_secret_of_no_connector_is_a_mistake(tmp_path: Path) -> None:
    """A name that was mistyped would leave the connector without its secret."""
    with pytest.raises(SettingsError, match="names no connector"):
        load_settings(write(tmp_path, WHOLE), {"CTIROUTE_CONNECTOR_TELEGRAMM_SECRET": "x"})


@pytest.mark.parametrize(("heading", "kind"), [("hooks", HookSettings), ("imap", MailboxSettings), ("telegram", TelegramSettings)])
def test_every_key_of_a_connector_is_described(heading: str, kind: type) -> None:
    """A new key needs its row in docs/reference/configuration.md."""
    section = REFERENCE.read_text(encoding="utf-8").split(f"\n### connectors.{heading}\n")[1].split("\n## ")[0].split("\n### ")[0]
    described = {line.split("`")[1] for line in section.splitlines() if line.startswith("| `")}
    assert described == {field.name for field in fields(kind)}
