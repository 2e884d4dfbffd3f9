"""`ctiroute connectors list|check|try`: what it prints, its exit codes, and that no store is touched."""

from __future__ import annotations

import hashlib
import hmac
import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.unit.cli.conftest import Said

PAYLOADS = Path(__file__).parents[2] / "data" / "hooks"
MINE = """\
about: Our CRM
signature: {hmac: sha256, header: X-Sign}
kinds:
  - name: note
    interaction: {id: deal, medium: {text: web}, from: {account: client}, message: {text: note}}
"""


def test_what_a_message_would_leave(ctiroute: Callable[..., Said], tmp_path: Path) -> None:
    """In words; the command leaves no file behind."""
    before = set(tmp_path.iterdir())
    said = ctiroute("connectors", "try", "web-form", str(PAYLOADS / "web-form-half.json"))
    assert said.code == 0
    assert "who             visitor v-7Q2, phone +380671234567 (as the source says)" in said.out
    assert "form            income: (not filled)" in said.out
    assert "the signature was not checked" in said.out
    assert set(tmp_path.iterdir()) == before


def test_the_same_for_a_program(ctiroute: Callable[..., Said]) -> None:
    """One JSON object."""
    said = ctiroute("connectors", "try", "telegram", str(PAYLOADS / "telegram-text.json"), "--json", "--source", "bot")
    told = json.loads(said.out)
    assert (told["intakes"][0]["source"], told["intakes"][0]["external_id"], told["signature_checked"]) == ("bot", "512377120", False)


def test_a_signature_is_checked_with_a_secret(ctiroute: Callable[..., Said], tmp_path: Path) -> None:
    """As the service would, with the headers of the request."""
    mapping, body, secret = tmp_path / "crm.yml", tmp_path / "body.json", tmp_path / "secret"
    mapping.write_text(MINE, encoding="utf-8")
    body.write_text('{"deal": 5, "client": "C-1", "note": "Hello"}', encoding="utf-8")
    secret.write_text("s3cret\n", encoding="utf-8")
    signature = hmac.new(b"s3cret", body.read_bytes(), hashlib.sha256).hexdigest()
    words = ["connectors", "try", "crm.yml", str(body), "--secret-file", str(secret), "--header"]
    right, wrong = ctiroute(*words, f"X-Sign: {signature}"), ctiroute(*words, f"X-Sign: {signature[:-1]}")
    assert (right.code, right.err) == (0, "")
    assert "conversation    crm 5" in right.out
    assert "not checked" not in right.out
    assert (wrong.code, wrong.out, wrong.err) == (1, "", "error: the signature is wrong\n")


def test_a_mail_is_read_as_a_mailbox_would(ctiroute: Callable[..., Said], tmp_path: Path) -> None:
    """For mappings of mailboxes, on a file that any mail program saves."""
    (tmp_path / "letter.eml").write_bytes(b"From: O <o@example.com>\r\nSubject: =?utf-8?b?0JvQuNGB0YI=?=\r\n\r\nHello\r\n")
    said = ctiroute("connectors", "try", "mail", "letter.eml", "--mail", "--at", "2026-03-02 09:00")
    assert said.code == 0
    assert "title           Лист" in said.out
    assert "at              2026-03-02 09:00:00 UTC" in said.out


@pytest.mark.parametrize(
    ("payload", "code", "said"),
    [
        ('{"poll": {}}', 1, "nothing to keep: no kind of the mapping matches"),
        ('{"message": {"chat": {"type": "private"}, "from": {"id": 1}}}', 1, "refused: message: interaction.id: nothing is there"),
        ("no json", 1, "error: the body is no JSON"),
    ],
)
def test_when_nothing_would_be_kept(ctiroute: Callable[..., Said], tmp_path: Path, payload: str, code: int, said: str) -> None:
    """The exit code says so, and the words why."""
    (tmp_path / "body.json").write_text(payload, encoding="utf-8")
    answer = ctiroute("connectors", "try", "telegram", "body.json")
    assert answer.code == code
    assert said in answer.out + answer.err


@pytest.mark.parametrize(
    "words",
    [
        ["try", "telegram", "none.json"],
        ["try", "telegramm", "none.json"],
        ["try", "none.yml", "none.json"],
        ["try", "telegram", "x", "--header", "no colon"],
        ["try", "telegram", "x", "--query", "no equals"],
        ["try", "telegram", "x", "--at", "soon"],
    ],
)
def test_a_wrong_command_line(ctiroute: Callable[..., Said], words: list[str]) -> None:
    """Exit code 2."""
    assert ctiroute("connectors", *words).code == 2


def test_mistakes_are_named_with_their_places(ctiroute: Callable[..., Said], tmp_path: Path) -> None:
    """Exit code 1 when a mapping cannot be used, 0 when all can; for a program, too."""
    (tmp_path / "crm.yml").write_text(MINE.replace("medium: {text: web}", "medium: web"), encoding="utf-8")
    said = ctiroute("connectors", "check", "crm.yml", "telegram")
    assert (said.code, said.err) == (1, "")
    assert said.out.startswith("crm.yml:5:37: is read as a path (found 'web'); write {text: web}")
    assert said.out.endswith("telegram: can be used\n")
    told = json.loads(ctiroute("connectors", "check", "crm.yml", "--json").out)
    assert (told["ok"], told["faults"][0]["line"]) == (False, 5)
    assert ctiroute("connectors", "check", "telegram").code == 0


def test_the_connectors_of_the_settings(ctiroute: Callable[..., Said], tmp_path: Path) -> None:
    """Are listed and checked without what is secret."""
    (tmp_path / "crm.yml").write_text(MINE, encoding="utf-8")
    settings = tmp_path / "site.yml"
    settings.write_text(
        "connectors:\n  hooks:\n    - {name: crm, mapping: crm.yml, secret: s3cret-word}\n    - {name: viber}\n"
        "  imap:\n    - {name: support, host: imap.example.com, username: help}\n  telegram:\n    - {name: bot}\n",
        encoding="utf-8",
    )
    listed = ctiroute("connectors", "list", "-c", str(settings)).out
    assert "support       mailbox help at imap.example.com, mapping mail, no secret is set" in listed
    assert f"crm           POST /hooks/crm, mapping {tmp_path / 'crm.yml'}\n" in listed
    assert "s3cret-word" not in listed + ctiroute("connectors", "list", "-c", str(settings), "--json").out
    checked = ctiroute("connectors", "check", "-c", str(settings))
    assert (checked.code, checked.out.count("can be used")) == (0, 4)


def test_every_shipped_mapping_is_listed(ctiroute: Callable[..., Said]) -> None:
    """With how its requests prove who sent them."""
    told = json.loads(ctiroute("connectors", "list", "--json").out)
    assert {one["name"]: one["signature"] for one in told["ready"]}[
        "chatwoot"
    ] == "HMAC-SHA256 over {timestamp}.{body}, not older than 300 s"
    assert told["connectors"] == []


def test_a_mapping_that_would_stop_the_service_is_found_by_config_check(ctiroute: Callable[..., Said], tmp_path: Path) -> None:
    """Each mistake with its place; `serve` refuses the same with the same words. What is secret is hidden by `config show`."""
    rules = tmp_path / "rules.yml"
    rules.write_text("rules: []\ndefault: {menu: main}\n", encoding="utf-8")
    (tmp_path / "crm.yml").write_text(MINE.replace("signature", "signatur"), encoding="utf-8")
    settings = tmp_path / "site.yml"
    settings.write_text(
        f"data_dir: {tmp_path / 'data'}\nrules: {rules}\nconnectors:\n  hooks:\n"
        "    - {name: crm, mapping: crm.yml, secret: s3cret-word, verify_token: other-word}\n    - {name: fax}\n",
        encoding="utf-8",
    )
    checked, served = ctiroute("config", "check", "-c", str(settings)), ctiroute("serve", "-c", str(settings))
    assert (checked.code, served.code) == (2, 2)
    assert "crm.yml:2:1: is not known in a mapping (found 'signatur'); did you mean signature?" in checked.err
    assert "fax: is no mapping that is shipped" in checked.err
    assert served.err == checked.err
    shown = ctiroute("config", "show", "-c", str(settings)).out
    assert "s3cret-word" not in shown
    assert "other-word" not in shown
