"""`ctiroute operator add|list`."""

from __future__ import annotations

import asyncio
import io
import json
from typing import TYPE_CHECKING

import pytest
from argon2 import PasswordHasher

from ctiroute.store import open_store

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.unit.cli.conftest import Said


@pytest.fixture
def password(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Hand the next command a password on standard input."""
    return lambda text: monkeypatch.setattr("sys.stdin", io.StringIO(text + "\n"))


def stored_hash(tmp_path: Path, operator_id: str) -> str | None:
    """Return the password hash in the store."""

    async def read() -> str | None:
        store = open_store(f"sqlite://{tmp_path / 'data' / 'ctiroute.db'}")
        await store.open()
        try:
            return await store.password_hash(operator_id)
        finally:
            await store.close()

    return asyncio.run(read())


def test_an_operator_who_was_added_is_listed(
    config: Path, tmp_path: Path, ctiroute: Callable[..., Said], password: Callable[[str], None]
) -> None:
    """The password comes from standard input, and goes into the store as a hash only."""
    password("correct horse")
    said = ctiroute("operator", "add", "olena", "-c", config, "--name", "Olena K.", "--interface", "PJSIP/1001", "--language", "uk")
    assert said.code == 0
    listed = ctiroute("operator", "list", "-c", config, "--json")
    (operator,) = json.loads(listed.out)
    assert (operator["operator_id"], operator["name"], operator["interfaces"]) == ("olena", "Olena K.", ["PJSIP/1001"])
    assert (operator["extension"], operator["language"], operator["role"]) == ("1001", "uk", "operator")
    hashed = stored_hash(tmp_path, "olena")
    assert hashed is not None
    assert hashed.startswith("$argon2id$")
    assert PasswordHasher().verify(hashed, "correct horse")
    assert "correct horse" not in said.out + said.err + listed.out
    assert "argon2" not in listed.out


def test_a_change_keeps_the_password(config: Path, tmp_path: Path, ctiroute: Callable[..., Said], password: Callable[[str], None]) -> None:
    """--no-password is for a new phone."""
    password("correct horse")
    ctiroute("operator", "add", "olena", "-c", config, "--interface", "PJSIP/1001")
    before = stored_hash(tmp_path, "olena")
    assert ctiroute("operator", "add", "olena", "-c", config, "--interface", "Local/1002@from-queue/n", "--no-password").code == 0
    (operator,) = json.loads(ctiroute("operator", "list", "-c", config, "--json").out)
    assert (operator["interfaces"], operator["extension"]) == (["Local/1002@from-queue/n"], "1002")
    assert stored_hash(tmp_path, "olena") == before


def test_a_table_for_people(config: Path, ctiroute: Callable[..., Said]) -> None:
    """An empty one says what to do."""
    assert "operator add" in ctiroute("operator", "list", "-c", config).out
    ctiroute("operator", "add", "olena", "-c", config, "--interface", "PJSIP/1001", "--no-password")
    assert "PJSIP/1001" in ctiroute("operator", "list", "-c", config).out


@pytest.mark.parametrize(
    ("words", "remedy"),
    [
        (["Olena K"], "lower case"),
        (["olena", "--interface", "1001"], "PJSIP/1001"),
        (["olena", "--interface", "PJSIP/1001\nx"], "PJSIP/1001"),
        (["olena"], "at least 8"),
        (["olena", "--role", "king"], "choose from"),
        (["olena", "--language", "xx"], "choose from"),
    ],
)
def test_what_cannot_be_is_2_and_leaves_nothing(
    words: list[str], remedy: str, config: Path, ctiroute: Callable[..., Said], password: Callable[[str], None]
) -> None:
    """With the remedy; here the password is too short, too, where nothing else is wrong."""
    password("short")
    said = ctiroute("operator", "add", "-c", config, *words)
    assert said.code == 2
    assert remedy in said.err
    assert json.loads(ctiroute("operator", "list", "-c", config, "--json").out) == []
