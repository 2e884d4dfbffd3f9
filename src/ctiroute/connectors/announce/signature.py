"""The signature by which a receiver knows that a body is ours and fresh. Pure; docs/reference/webhooks.md shows how to check it.

HMAC-SHA256 (RFC 2104, FIPS 180-4) over the time in whole seconds since 1970, a full stop, and the body's bytes. The time is inside, so a
body that was overheard cannot be sent again much later as if it were new.
"""

from __future__ import annotations

import hashlib
import hmac

HEADER = "Ctiroute-Signature"
EVENT_HEADER = "Ctiroute-Event"
ID_HEADER = "Ctiroute-Event-Id"
ATTEMPT_HEADER = "Ctiroute-Attempt"
TOLERANCE_S = 300  # what receivers are told to accept: clocks that disagree, and a body that waited on its way


def sign(secret: str, timestamp: int, body: bytes) -> str:
    """Return the header's value for a body sent at a time (seconds since 1970)."""
    return f"t={timestamp},v1={_digest(secret, timestamp, body)}"


def verify(secret: str, header: str, body: bytes, now: float, tolerance_s: float = TOLERANCE_S) -> bool:
    """Say whether a header is that of this body, and not older or newer than `tolerance_s`. What a receiver does."""
    parts = dict(part.partition("=")[::2] for part in header.split(","))
    told = parts.get("t", "")
    if not (told.isascii() and told.isdigit() and len(told) <= 12):  # noqa: PLR2004 - the year 33658
        return False
    fresh = abs(now - int(told)) <= tolerance_s
    right = hmac.compare_digest(parts.get("v1", "").encode(), _digest(secret, int(told), body).encode())
    return right and fresh


def _digest(secret: str, timestamp: int, body: bytes) -> str:
    return hmac.new(secret.encode(), b"%d." % timestamp + body, hashlib.sha256).hexdigest()
