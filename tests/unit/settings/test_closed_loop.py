"""Webhooks, attribution and wrap-up codes in ctiroute.yml."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ctiroute.errors import SettingsError
from ctiroute.settings import ClosedLoopSettings, WebhookSettings, WrapUpCode, load_settings

if TYPE_CHECKING:
    from pathlib import Path

SECRET = "0123456789abcdef"


def write(folder: Path, text: str) -> Path:
    """Write settings and return where."""
    path = folder / "ctiroute.yml"
    path.write_text(text, encoding="utf-8")
    return path


def faults_of(folder: Path, text: str, **environ: str) -> str:
    """Return what is wrong with settings."""
    with pytest.raises(SettingsError) as caught:
        load_settings(write(folder, text), environ)
    return str(caught.value)


def test_webhooks_are_read_with_their_secrets_from_everywhere(tmp_path: Path) -> None:
    """A secret stands in the file, in a file of its own, or in a variable named after the webhook."""
    (tmp_path / "mailer.secret").write_text(f"{SECRET}-file\n", encoding="utf-8")
    path = write(
        tmp_path,
        f"""
webhooks:
  - {{name: mailer, url: "https://mailer.example.com/hook?x=1", events: [touch.answered, callback.*], secret_file: mailer.secret}}
  - {{name: crm-2, url: "http://10.0.0.5:8000/", timeout_s: 3, attempts: 5}}
  - {{name: plain, url: "http://[::1]/", secret: {SECRET}}}
closed_loop: {{touch_hours: 0}}
""",
    )
    settings = load_settings(path, {"CTIROUTE_WEBHOOK_CRM_2_SECRET": f"{SECRET}-variable", "CTIROUTE_CLOSED_LOOP_WRAP_UP_QUIET_S": "5"})
    assert settings.webhooks == (
        WebhookSettings("mailer", "https://mailer.example.com/hook?x=1", ("touch.answered", "callback.*"), f"{SECRET}-file"),
        WebhookSettings("crm-2", "http://10.0.0.5:8000/", ("*",), f"{SECRET}-variable", 3.0, 5),
        WebhookSettings("plain", "http://[::1]/", ("*",), SECRET),
    )
    assert settings.closed_loop == ClosedLoopSettings(0.0, 5.0)


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ("{url: 'https://a.example', secret: 0123456789abcdef}", "name is missing"),
        ("{name: a, secret: 0123456789abcdef}", "url is missing"),
        ("{name: a, url: 'ftp://a.example', secret: 0123456789abcdef}", "expected a URL"),
        ("{name: a, url: 'file:///etc/passwd', secret: 0123456789abcdef}", "expected a URL"),
        ("{name: a, url: 'https://u:p@a.example', secret: 0123456789abcdef}", "holds a password"),
        ("{name: a, url: 'https://a.example/#x', secret: 0123456789abcdef}", "never sent"),
        ("{name: a, url: 'https://a.example:99999', secret: 0123456789abcdef}", "expected a URL"),
        ("{name: a, url: 'https://a.example', secret: short}", "needs a secret of 16"),
        ("{name: a, url: 'https://a.example'}", "needs a secret of 16"),
        ("{name: A b, url: 'https://a.example', secret: 0123456789abcdef}", "lower case letters"),
        ("{name: a, url: 'https://a.example', secret: 0123456789abcdef, events: ['call ended']}", "expected an event"),
    ],
)
def test_a_wrong_webhook_is_refused_with_its_place(tmp_path: Path, entry: str, expected: str) -> None:
    """Every mistake names file, line and remedy; a secret is never repeated in it."""
    said = faults_of(tmp_path, f"webhooks:\n  - {entry}\n")
    assert expected in said
    assert "ctiroute.yml:2:" in said
    assert SECRET not in said


def test_two_webhooks_of_one_name_are_refused(tmp_path: Path) -> None:
    """The name tells them apart in the outbox."""
    one = f"{{name: a, url: 'https://a.example', secret: {SECRET}}}"
    assert "same name" in faults_of(tmp_path, f"webhooks: [{one}, {one}]\n")


def test_a_secret_for_no_webhook_is_refused(tmp_path: Path) -> None:
    """A misspelt variable would leave the webhook with the secret of the file."""
    said = faults_of(tmp_path, "webhooks: []\n", CTIROUTE_WEBHOOK_MAILER_SECRET=SECRET)
    assert "CTIROUTE_WEBHOOK_MAILER_SECRET: names no webhook" in said
    assert SECRET not in said


def test_wrap_up_codes_are_read_in_their_order(tmp_path: Path) -> None:
    """A code alone is its own label; a label may be one for all languages, or one for each."""
    settings = load_settings(
        write(tmp_path, 'wrap_up:\n  promo:\n    - sold: {en: Sold, uk: Продано}\n    - not-now\n  "*": [{ok: Done}]\n'), {}
    )
    assert settings.wrap_up == {
        "promo": (WrapUpCode("sold", {"en": "Sold", "uk": "Продано"}), WrapUpCode("not-now", {"": "not-now"})),
        "*": (WrapUpCode("ok", {"": "Done"}),),
    }


@pytest.mark.parametrize("codes", ["[=cmd]", "[{'a b': x}]", "[a, a]", "[{a: x, b: y}]", "[[a]]", "sold"])
def test_wrong_wrap_up_codes_are_refused(tmp_path: Path, codes: str) -> None:
    """A code goes into reports and webhooks: letters, digits and three signs, and once a queue."""
    assert "ctiroute.yml:" in faults_of(tmp_path, f"wrap_up: {{promo: {codes}}}\n")
