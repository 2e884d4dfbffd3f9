"""`ctiroute apikey create|list|revoke`."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.unit.cli.conftest import Said


def test_a_key_is_shown_once_and_listed_without_its_secret(config: Path, ctiroute: Callable[..., Said]) -> None:
    """The line on standard output alone is the key; 256 bits of it are secret."""
    made = ctiroute("apikey", "create", "sms gateway", "--scope", "receipts", "--scope", "touches", "--expires", "30d", "-c", config)
    assert made.code == 0
    key = made.out.splitlines()[0]
    found = re.fullmatch(r"ctk_([0-9a-z]{12})_([A-Za-z0-9_-]{43})", key)
    assert found is not None
    (listed,) = json.loads(ctiroute("apikey", "list", "--json", "-c", config).out)
    assert (listed["key_id"], listed["name"], listed["scopes"], listed["last_used_at"]) == (
        found[1],
        "sms gateway",
        ["receipts", "touches"],
        None,
    )
    said = ctiroute("apikey", "list", "-c", config).out
    assert found[1] in said
    assert found[2] not in said


def test_a_key_is_revoked_once_and_for_all(config: Path, ctiroute: Callable[..., Said]) -> None:
    """The list says so; an id that is not there is an answer of no."""
    made = json.loads(ctiroute("apikey", "create", "crm", "--scope", "touches", "--json", "-c", config).out)
    assert (made["scopes"], made["expires_at"]) == (["touches"], None)
    assert ctiroute("apikey", "revoke", made["key_id"], "-c", config).code == 0
    (listed,) = json.loads(ctiroute("apikey", "list", "--json", "-c", config).out)
    assert listed["revoked_at"] is not None
    assert "key" not in listed
    said = ctiroute("apikey", "revoke", "nobody", "-c", config)
    assert (said.code, "apikey list" in said.err) == (1, True)


@pytest.mark.parametrize(
    ("options", "remedy"),
    [
        (["crm"], "--scope"),
        (["crm", "--scope", "all"], "choose from"),
        (["crm", "--scope", "touches", "--expires", "soon"], "365d"),
        (["\n", "--scope", "touches"], "characters"),
    ],
)
def test_wrong_options_are_2(options: list[str], remedy: str, config: Path, ctiroute: Callable[..., Said]) -> None:
    """And say what to write."""
    said = ctiroute("apikey", "create", *options, "-c", config)
    assert (said.code, remedy in said.err) == (2, True)


def test_no_keys_is_a_hint(config: Path, ctiroute: Callable[..., Said]) -> None:
    """How to make the first."""
    assert "apikey create" in ctiroute("apikey", "list", "-c", config).out
