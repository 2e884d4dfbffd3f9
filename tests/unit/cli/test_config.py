"""`ctiroute config` and `ctiroute db`."""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from ctiroute.model import Identifier, IdentifierKind, Medium, OfferTerms, Touch, TouchStatus
from ctiroute.store.sqlite import SqliteStore

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.unit.cli.conftest import Said


RULES = "rules: [{name: all-to-reception, when: {}, then: {queue: reception}}]\ndefault: {menu: main}\n"


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    """Write rules that can be used into the folder the settings name."""
    folder = tmp_path / "rules"
    folder.mkdir()
    (folder / "10.yml").write_text(RULES, encoding="utf-8")
    return folder


def test_good_settings_are_0(config: Path, rules: Path, tmp_path: Path, ctiroute: Callable[..., Said]) -> None:
    """Nothing to say but that, and nothing is made: who checks may be another user than who serves."""
    said = ctiroute("config", "check", "-c", config)
    assert (said.code, said.err) == (0, "")
    assert "can be used, with 1 rule and a default" in said.out
    assert not (tmp_path / "data").exists()


def test_rules_that_would_stop_the_service_are_2(config: Path, rules: Path, ctiroute: Callable[..., Said]) -> None:
    """Each mistake with its place; `serve` refuses the same with the same words."""
    (rules / "10.yml").write_text("rules:\n  - {name: a, when: {tuoch: {}}, then: {queue: a}}\n", encoding="utf-8")
    said = ctiroute("config", "check", "-c", config)
    assert (said.code, said.out) == (2, "")
    assert "10.yml:2:" in said.err
    assert "did you mean touch?" in said.err
    served = ctiroute("serve", "-c", config)
    assert (served.code, served.err) == (2, said.err)


def test_rules_that_are_not_there_are_2(config: Path, tmp_path: Path, ctiroute: Callable[..., Said]) -> None:
    """The folder is named."""
    said = ctiroute("config", "check", "-c", config)
    assert said.code == 2
    assert f"error: {tmp_path / 'rules'}: cannot be read: No such file or directory" in said.err


def test_a_data_directory_that_cannot_be_made_is_2(config: Path, rules: Path, tmp_path: Path, ctiroute: Callable[..., Said]) -> None:
    """A file stands in its way; the mistakes of the rules are named in the same run."""
    (tmp_path / "data").write_text("", encoding="utf-8")
    (rules / "10.yml").write_text("rules: [1]\n", encoding="utf-8")
    said = ctiroute("config", "check", "-c", config)
    assert said.code == 2
    assert "error: data_dir: is in a place that is no folder" in said.err
    assert "10.yml:1:" in said.err


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_data_directory_of_somebody_else_is_2(config: Path, rules: Path, tmp_path: Path, ctiroute: Callable[..., Said]) -> None:
    """Whoever runs the check must be able to write it."""
    data = tmp_path / "data"
    data.mkdir(mode=0o500)
    said = ctiroute("config", "check", "-c", config)
    assert said.code == 2
    assert "error: data_dir: cannot be written by this user" in said.err


def test_a_secret_file_that_is_not_there_is_named_once(tmp_path: Path, ctiroute: Callable[..., Said]) -> None:
    """With its place in the settings, in words and not in error numbers."""
    path = tmp_path / "ctiroute.yml"
    path.write_text("asterisk:\n  - {name: a, secret_file: /nowhere/ami}\n", encoding="utf-8")
    said = ctiroute("config", "check", "-c", path)
    assert said.code == 2
    assert said.err.count("/nowhere/ami") == 1
    assert "Errno" not in said.err
    assert f"{path}:2:" in said.err


def test_every_fault_of_a_bad_file_is_named_with_its_line(tmp_path: Path, ctiroute: Callable[..., Said]) -> None:
    """Three mistakes, one run."""
    path = tmp_path / "bad.yml"
    path.write_text("regoin: UA\nfastagi:\n  host: 0.0.0.0\nweb: {port: ninety}\n", encoding="utf-8")
    said = ctiroute("config", "check", "-c", path)
    assert said.code == 2
    assert said.out == ""
    lines = said.err.splitlines()
    assert [line.partition(f"{path}:")[2].partition(":")[0] for line in lines] == ["1", "3", "4"]
    assert "did you mean" in lines[0]
    assert "allow_from" in lines[1]


def test_a_file_that_is_not_there_is_2(tmp_path: Path, ctiroute: Callable[..., Said]) -> None:
    """For every command that reads settings."""
    for command in (("config", "check"), ("operator", "list"), ("db", "current"), ("serve",)):
        said = ctiroute(*command, "-c", tmp_path / "none.yml")
        assert said.code == 2
        assert "none.yml" in said.err


def test_an_unknown_variable_is_2(config: Path, ctiroute: Callable[..., Said], monkeypatch: pytest.MonkeyPatch) -> None:
    """A typing error must not silently leave a default in force."""
    monkeypatch.setenv("CTIROUTE_FASTAGI_PROT", "1")
    said = ctiroute("config", "check", "-c", config)
    assert said.code == 2
    assert "CTIROUTE_FASTAGI_PORT" in said.err


@pytest.mark.parametrize("command", [("config", "show"), ("config", "check"), ("db", "current"), ("operator", "list"), ("serve",)])
def test_secrets_are_never_printed(
    command: tuple[str, ...], rules: Path, tmp_path: Path, ctiroute: Callable[..., Said], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither as settings in force, nor in the error of a store that cannot be opened."""
    path = tmp_path / "ctiroute.yml"
    path.write_text(
        f"data_dir: {tmp_path}\nrules: {rules}\nlog_format: json\n"
        "fastagi: {secret: s3cret-agi}\nasterisk: [{name: a, secret: s3cret-ami}]\n",
        encoding="utf-8",
    )
    monkeypatch.setenv("CTIROUTE_STORE", "mysql://ctiroute:s3cret-db@db.example/cti")
    said = ctiroute(*command, "-c", path)
    assert "s3cret" not in said.out + said.err
    assert said.code == {"config show": 0, "config check": 2}.get(" ".join(command), 1)


@pytest.mark.parametrize("command", [("config", "show"), ("config", "check"), ("db", "current"), ("db", "upgrade"), ("operator", "list")])
def test_the_password_of_a_database_that_is_away_is_never_printed(
    command: tuple[str, ...], config: Path, rules: Path, ctiroute: Callable[..., Said], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The settings are right, whoever needs the database hears where it was not found, and nobody hears how to get in."""
    monkeypatch.setenv("CTIROUTE_STORE", "postgresql://ctiroute:s3cret-db@127.0.0.1:1/cti?password=s3cret-too")
    monkeypatch.setenv("CTIROUTE_REDIS", "redis://:s3cret-redis@127.0.0.1:1/0?password=s3cret@more")
    said = ctiroute(*command, "-c", config)
    assert "s3cret" not in said.out + said.err
    assert said.code == (0 if command[0] == "config" else 1)
    if command[0] != "config":
        assert "127.0.0.1:1" in said.err


def test_show_prints_what_is_in_force(config: Path, ctiroute: Callable[..., Said], monkeypatch: pytest.MonkeyPatch) -> None:
    """JSON, variables included."""
    monkeypatch.setenv("CTIROUTE_FASTAGI_PORT", "4600")
    monkeypatch.setenv("CTIROUTE_ASTERISK_SECRET", "hunter22")
    shown = json.loads(ctiroute("config", "show", "-c", config).out)
    assert shown["fastagi"]["port"] == 4600
    assert shown["asterisk"][0]["secret"] == "•••"
    assert shown["store"].startswith("sqlite:///")


def test_db_upgrade_and_current_tell_the_schema(config: Path, tmp_path: Path, ctiroute: Callable[..., Said]) -> None:
    """The number of the newest migration. Asking makes nothing; upgrading says from where."""
    said = ctiroute("db", "current", "-c", config)
    assert said.out.startswith("schema 0: ")
    assert not (tmp_path / "data").exists()
    assert "upgraded from 0" in ctiroute("db", "upgrade", "-c", config).out
    said = ctiroute("db", "current", "-c", config)
    with sqlite3.connect(tmp_path / "data" / "ctiroute.db") as connection:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
    connection.close()
    assert said.code == 0
    assert said.out.startswith(f"schema {version}: ")
    assert "as before" in ctiroute("db", "upgrade", "-c", config).out


def test_a_store_of_a_newer_version_is_refused(config: Path, tmp_path: Path, ctiroute: Callable[..., Said]) -> None:
    """Exit code 1 and a sentence, no traceback."""
    assert ctiroute("db", "upgrade", "-c", config).code == 0
    connection = sqlite3.connect(tmp_path / "data" / "ctiroute.db")
    connection.execute("PRAGMA user_version = 9999")
    connection.commit()
    connection.close()
    assert ctiroute("db", "current", "-c", config).out.startswith("schema 9999: ")
    said = ctiroute("db", "upgrade", "-c", config)
    assert said.code == 1
    assert "newer" in said.err
    assert "Traceback" not in said.err


def test_rules_that_look_back_further_than_is_kept_are_a_warning(config: Path, rules: Path, ctiroute: Callable[..., Said]) -> None:
    """The settings can be used; who checks them, or the rules with them, is told which rule finds less than it says."""
    (rules / "10.yml").write_text(RULES.replace("when: {}", "when: {touch: {within: 400d}}"), encoding="utf-8")
    said = ctiroute("config", "check", "-c", config)
    assert said.code == 0
    assert said.err.startswith(f"warning: {rules / '10.yml'}:1:")
    assert "looks back 400 days for touches, which are kept for 365" in said.err
    said = ctiroute("rules", "check", rules, "-c", config)
    assert said.code == 0
    assert "10.yml:1:1: warning: rule" in said.out
    assert "looks back 400 days for touches, which are kept for 365" in said.out
    (warning,) = json.loads(ctiroute("rules", "check", rules, "-c", config, "--json").out)["warnings"]
    assert (warning["line"], "retention.touches_days" in warning["hint"]) == (1, True)
    said = ctiroute("rules", "check", rules)
    assert (said.code, said.err) == (0, "")


def test_what_is_old_is_counted_and_removed(config: Path, tmp_path: Path, ctiroute: Callable[..., Said]) -> None:
    """A dry run changes nothing; the purge says what went."""

    async def fill() -> None:
        store = SqliteStore(tmp_path / "data" / "ctiroute.db")
        await store.open()
        phone, at = Identifier(IdentifierKind.PHONE, "+380671234567"), datetime(2020, 1, 1, tzinfo=UTC)
        await store.put_touches([Touch("T1", "autumn", "", Medium.SMS, phone, at, TouchStatus.SENT, OfferTerms())])
        await store.close()

    asyncio.run(fill())
    for _ in range(2):
        said = ctiroute("db", "purge", "--dry-run", "-c", config)
        assert (said.code, said.out.partition(":")[2].partition(":")[0].strip()) == (0, "1 touches, 1 identifiers")
    assert json.loads(ctiroute("db", "purge", "--json", "-c", config).out)["touches"] == 1
    assert ctiroute("db", "purge", "-c", config).out.startswith("removed: nothing: sqlite:")
