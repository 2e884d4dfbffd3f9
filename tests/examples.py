"""How many examples a property test tries: some every time, all of them with THOROUGH=1 in the environment."""

from __future__ import annotations

import os

THOROUGH = bool(os.environ.get("THOROUGH"))
_SHARE = 5  # one of so many on every save; what was found once is kept as a case of its own, and tried every time
_LEAST = 25


def examples(whole: int) -> int:
    """Return how many of `whole` examples to try now."""
    return whole if THOROUGH else max(min(whole, _LEAST), whole // _SHARE)
