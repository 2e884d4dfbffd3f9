"""What both back ends do alike with versions of rules: their key, and their files as one packed value. Knows no database."""

from __future__ import annotations

import zlib
from datetime import timedelta
from typing import TYPE_CHECKING

import msgspec

from ctiroute.store.touch_rows import to_microseconds

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ctiroute.model import RulesVersion

KEPT = 200  # uses of rules; at ten changes a day three weeks, and 10,000 rules take some 200 KB packed
NODE_KEPT = timedelta(days=1)  # a node that said nothing for so long is gone

_encode = msgspec.json.Encoder(order="sorted").encode
_decode = msgspec.json.Decoder(dict[str, str]).decode


def use_id(used: RulesVersion) -> str:
    """Return the key of one use: keys sort by time."""
    return f"{to_microseconds(used.used_at):020d} {used.version}"


def pack(files: Mapping[str, str]) -> bytes:
    """Return files as one value."""
    return zlib.compress(_encode(dict(files)), 6)


def unpack(packed: bytes) -> dict[str, str]:
    """Return the files that were packed. Raises `msgspec.DecodeError` for what is none."""
    try:
        return _decode(zlib.decompress(packed))
    except zlib.error as error:
        raise msgspec.DecodeError(f"files of rules cannot be unpacked: {error}") from error
