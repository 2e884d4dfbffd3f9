"""What screens are told beside pops: which Asterisks we hear, and whose phone a colleague has now."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from ctiroute.web.wire import ExtensionMessage, SwitchMessage, SwitchState

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime

    from ctiroute.desk.claims import ClaimChange
    from ctiroute.web.screens import Screens

audit = logging.getLogger("ctiroute.audit")


class ScreenNews:
    """Remembers and tells."""

    def __init__(self, name_of: Callable[[str | None], str | None]) -> None:
        """`name_of` gives the name people know an operator by."""
        self._name_of = name_of
        self._switches: dict[str, SwitchState] = {}
        self.screens: Screens | None = None  # to tell; None: nobody is there yet

    @property
    def switches(self) -> tuple[SwitchState, ...]:
        """Whether we hear each Asterisk."""
        return tuple(self._switches.values())

    def switch(self, name: str, at: datetime, *, up: bool) -> None:
        """Take note that we hear an Asterisk, or do not any more."""
        before = self._switches.get(name)
        if before is None or before.up is not up:
            self._switches[name] = SwitchState(name, up, at)
            if self.screens is not None:
                self.screens.broadcast(SwitchMessage(self._switches[name]))

    def claimed(self, changes: Iterable[ClaimChange]) -> None:
        """Say on their screens, and in the log, whose phone another operator has now."""
        for change in changes:
            audit.info("phone of %s: %s", change.operator_id, f"taken by {change.taken_by}" if change.taken_by else "theirs again")
            if self.screens is not None:
                self.screens.push(change.operator_id, ExtensionMessage(self._name_of(change.taken_by)))
