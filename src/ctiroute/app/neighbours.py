"""The other nodes, as the floor sees them: what is told between nodes, the ports of both sides, and what a node without others has.

Every word here is also on the wire between versions: a field that is added needs a default, and news that are not known are skipped.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Protocol

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable


class NoteWritten(msgspec.Struct, frozen=True, tag="note"):
    """An operator wrote a note on a pop."""

    pop_id: str
    operator_id: str
    text: str
    at: datetime


class CallChanged(msgspec.Struct, frozen=True, tag="call"):
    """More is known of a call, or an operator said who it is: read it again."""

    call_id: str


class CallsForgotten(msgspec.Struct, frozen=True, tag="forgotten"):
    """Somebody was erased: let go of these calls."""

    call_ids: tuple[str, ...]


class InteractionChanged(msgspec.Struct, frozen=True, tag="interaction"):
    """A conversation has changed: read it again where a pop shows it."""

    interaction_id: str


class RulesChanged(msgspec.Struct, frozen=True, tag="rules"):
    """This node uses other rules now."""

    version: str


class PresenceChanged(msgspec.Struct, frozen=True, tag="presence"):
    """Somebody came to this node or left it, or it has just begun: look who is where."""


News = PresenceChanged | NoteWritten | CallChanged | CallsForgotten | InteractionChanged | RulesChanged
encode = msgspec.json.Encoder().encode
decode = msgspec.json.Decoder(News).decode


class Neighbours(Protocol):
    """The other nodes, as the floor sees them. Nothing here waits but `find_call`, and nothing raises."""

    @property
    def any(self) -> bool:
        """Whether there may be others at all."""

    def decided(self, call_id: str, packed: bytes) -> None:
        """Take note of a fresh call's file."""

    def changed(self, call_id: str, packed: bytes) -> None:
        """Take note of a file that others may have read already."""

    def noted(self, pop_id: str, operator_id: str, text: str, at: datetime) -> None:
        """Take note of an operator's note."""

    def interaction_changed(self, interaction_id: str) -> None:
        """Take note of a conversation that has changed."""

    def moved(self) -> None:
        """Take note that somebody's first browser came here, or the last one left."""

    def forget(self, call_ids: Iterable[str]) -> None:
        """Let go of calls of somebody who was erased."""

    async def find_call(self, call_id: str) -> bytes | None:
        """Return a call's file as another node packed it; None: there is none, or nobody can tell."""

    def has(self, operator_id: str) -> bool:
        """Say whether an operator has a browser on another node."""


class Listener(Protocol):
    """Who takes what others tell: the floor."""

    def noted_elsewhere(self, pop_id: str, operator_id: str, text: str, at: datetime) -> None:
        """Show a note that was written on another node."""

    def changed_elsewhere(self, call_id: str) -> None:
        """Read a call's file again."""

    def forgotten_elsewhere(self, call_ids: Iterable[str]) -> None:
        """Let go of calls."""

    def interaction_changed_elsewhere(self, interaction_id: str) -> None:
        """Read a conversation again."""


class Alone:
    """No neighbours: this is the only node."""

    any = False

    def decided(self, call_id: str, packed: bytes) -> None:
        """Nobody to tell."""

    def changed(self, call_id: str, packed: bytes) -> None:
        """Nobody to tell."""

    def noted(self, pop_id: str, operator_id: str, text: str, at: datetime) -> None:
        """Nobody to tell."""

    def interaction_changed(self, interaction_id: str) -> None:
        """Nobody to tell."""

    def moved(self) -> None:
        """Nobody to tell."""

    def forget(self, call_ids: Iterable[str]) -> None:
        """Nobody to tell."""

    async def find_call(self, call_id: str) -> bytes | None:  # noqa: ARG002 - as the port has it
        """Nobody to ask."""
        return None

    def has(self, operator_id: str) -> bool:  # noqa: ARG002 - as the port has it
        """Nobody is anywhere else."""
        return False
