"""Times and spans as people write them on the command line."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime, timedelta

from ctiroute.documents import Scalar, duration
from ctiroute.errors import ConfigurationError


def span(text: str) -> timedelta:
    """Read a span of time: 15m, 2h, 30d."""
    try:
        return duration(Scalar(text, text, "", 0, 0))
    except ConfigurationError:
        raise argparse.ArgumentTypeError(f"{text!r} is no span of time: write 15m, 24h, 30d") from None


def moment(text: str) -> datetime | timedelta:
    """Read a time (2026-03-01, 2026-03-01T12:00+02:00; without an offset it is UTC) or how long ago it was (30d)."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return span(text)
    return at.replace(tzinfo=at.tzinfo or UTC).astimezone(UTC)
