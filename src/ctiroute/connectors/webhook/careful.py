"""Reads a message so that none can hold up those behind it: one that breaks a mapping is let go of, and named in the log."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from ctiroute.connectors.webhook.mapping import Brought, bring

if TYPE_CHECKING:
    from collections.abc import Callable

    from ctiroute.connectors.webhook.mapping import Mapping, Place, Reading

log = logging.getLogger(__name__)


def bring_carefully(mapping: Mapping, source: str, find: Callable[[], Place], how: Reading) -> Brought:
    """Return what the message at `find()` tells. Never raises: sent again, it would only break us again."""
    try:
        return bring(mapping, source, find(), how)
    except Exception:
        log.exception("connector %s: a message could not be read", source)
        return Brought(refused=("message: it could not be read",))
