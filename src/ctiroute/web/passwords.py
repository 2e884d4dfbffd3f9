"""Passwords as Argon2id hashes, made and checked outside the event loop. Knows no operators and no requests.

Parameters are OWASP's second recommended set (19 MiB, 2 passes, 1 lane): about 20 ms, and little enough memory that a few may
run at once beside live calls. The hash carries its own parameters, so they can be raised later.
"""

from __future__ import annotations

import asyncio
import secrets
from concurrent.futures import ThreadPoolExecutor

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

MAX_PASSWORD = 1024  # characters; more is refused before it is hashed
_WORKERS = 2  # hashes made at once; memory is 19 MiB each
_MAX_WAITING = 64  # sign-ins that may wait for their hash; more are told to come back

_hasher = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)


def hash_password(password: str) -> str:
    """Return the Argon2id hash that the store keeps. Takes about 20 ms: not for the event loop."""
    return _hasher.hash(password)


def _verify(stored: str, password: str) -> bool:
    try:
        return _hasher.verify(stored, password)
    except (Argon2Error, InvalidHashError):
        return False


class BusyError(Exception):
    """Too many sign-ins wait already."""


class PasswordChecker:
    """Checks passwords in threads of its own, a bounded number at once."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(max_workers=_WORKERS, thread_name_prefix="ctiroute-password")
        self._waiting = 0
        # Verified in place of the hash of an unknown user, so that both answers cost the same. Nobody knows its password.
        self._nobody = hash_password(secrets.token_urlsafe(32))

    async def check(self, stored: str | None, password: str) -> bool:
        """Tell whether `password` gives `stored`; the work is the same when there is nothing stored.

        Raises `BusyError` when too many wait.
        """
        if self._waiting >= _MAX_WAITING:
            raise BusyError
        self._waiting += 1
        try:
            loop = asyncio.get_running_loop()
            matched = await loop.run_in_executor(self._threads, _verify, stored or self._nobody, password)
        finally:
            self._waiting -= 1
        return matched and stored is not None

    def close(self) -> None:
        """Let go of the threads."""
        self._threads.shutdown(wait=False, cancel_futures=True)
