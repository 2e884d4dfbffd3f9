"""What the placer of callbacks needs of the rest of the service, so that it can be tried without a switch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ctiroute.model import CallbackOrder, Member
    from ctiroute.model.callback import CallbackPlaced, CallbackPlacing


class Originates(Protocol):
    """Asks a switch to place calls."""

    @property
    def name(self) -> str:
        """The switch's name, the first part of its calls' ids."""

    @property
    def fault(self) -> str:
        """Why nothing can be placed now, in words; "": it can."""

    async def place(self, placing: CallbackPlacing) -> CallbackPlaced:
        """Ask for one call. Never sent twice. Does not raise."""


class Surroundings(Protocol):
    """Operators, queues, and the floor on which the pops stand."""

    def free(self) -> Mapping[str, int]:
        """Return how many could be rung now, by place (see `CallbackOrder.place`), as far as it is known."""

    def interface_of(self, operator_id: str) -> str:
        """Return the phone of an operator; "" when he has none."""

    def operator_at(self, member: Member) -> str | None:
        """Return whose phone this is, or None."""

    def is_live(self, call_id: str) -> bool:
        """Say whether a call goes on."""

    async def expect(self, order: CallbackOrder, call_id: str) -> None:
        """Have the pop ready for a call that is about to be placed. Never raises: a call without its context is better than none."""

    def unexpect(self, call_id: str) -> None:
        """Take note that it was not placed after all."""
