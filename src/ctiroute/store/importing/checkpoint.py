"""How far an import got, in a small file, so that one cut off goes on from there. Knows nothing of rows."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import msgspec

from ctiroute.errors import ImportRefused

if TYPE_CHECKING:
    from pathlib import Path


class Reached(msgspec.Struct, frozen=True):
    """Counts of an import whose rows were all checked, and some written."""

    taken: int  # rows of the file, bad ones among them, that are behind us
    read: int
    rejected: int
    written: int
    added: int


class Checkpoint:
    """One file, named after everything that decides what the import writes: another file, or another option, begins anew."""

    def __init__(self, folder: Path, *decides: object) -> None:
        name = hashlib.blake2b(repr(decides).encode(), digest_size=12).hexdigest()
        self._path = folder / f"{name}.json"

    def load(self) -> Reached | None:
        """Return how far it got, or None when there is nothing to go on from."""
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=Reached)
        except (OSError, msgspec.MsgspecError):
            return None

    def save(self, reached: Reached) -> None:
        """Keep how far it got; never half."""
        beside = self._path.with_suffix(".new")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            beside.write_bytes(msgspec.json.encode(reached))
            beside.replace(self._path)
        except OSError as error:
            raise ImportRefused(f"cannot keep how far the import got in {self._path.parent}: {error.strerror or error}") from error

    def clear(self) -> None:
        """Forget it: the import is done."""
        self._path.unlink(missing_ok=True)
