"""Argon2id hashes and the threads that check them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from ctiroute.web import passwords
from ctiroute.web.passwords import BusyError, PasswordChecker, hash_password

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def checker() -> Iterator[PasswordChecker]:
    """Return a checker whose threads end with the test."""
    checker = PasswordChecker()
    yield checker
    checker.close()


def test_a_hash_is_argon2id_and_salted() -> None:
    """The same password gives another hash each time, of the kind and cost promised."""
    first, second = hash_password("пароль"), hash_password("пароль")
    assert first != second
    assert first.startswith("$argon2id$v=19$m=19456,t=2,p=1$")


async def test_right_wrong_and_nothing(checker: PasswordChecker) -> None:
    """Only the right password of an operator who has one is right; a broken hash is wrong, not an error."""
    stored = hash_password("right")
    assert await checker.check(stored, "right")
    assert not await checker.check(stored, "wrong")
    assert not await checker.check(None, "right")
    assert not await checker.check("", "right")
    assert not await checker.check("not a hash", "right")


async def test_an_unknown_user_costs_a_whole_verification(checker: PasswordChecker, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a stored hash the same function verifies against another hash of the same cost."""
    verified: list[str] = []
    real = passwords._verify

    def verify(stored: str, password: str) -> bool:
        verified.append(stored)
        return real(stored, password)

    monkeypatch.setattr(passwords, "_verify", verify)
    await checker.check(None, "x")
    assert [stored.split("$")[:4] for stored in verified] == [hash_password("y").split("$")[:4]]


async def test_those_who_wait_are_bounded(checker: PasswordChecker, monkeypatch: pytest.MonkeyPatch) -> None:
    """A flood of sign-ins is told to come back instead of filling memory, and the next one after it is served."""
    monkeypatch.setattr(passwords, "_MAX_WAITING", 3)
    stored = hash_password("right")
    results = await asyncio.gather(*(checker.check(stored, "right") for _ in range(10)), return_exceptions=True)
    assert results.count(True) == 3
    assert sum(isinstance(result, BusyError) for result in results) == 7
    assert await checker.check(stored, "right")
