"""What the voice connector asks of the rest of the service. `app` implements it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from ctiroute.model import CallEvent, Decision, RouteRequest
    from ctiroute.model.callback import CallbackHeard
    from ctiroute.model.queue import QueueEvent


class RouteHandler(Protocol):
    """Answers calls."""

    def decide(self, request: RouteRequest) -> Decision | None:
        """Decide at once; None, without any effect, when something has to be waited for: `begin`. Never raises."""

    def begin(self, request: RouteRequest, deadline_at: float, answer: Callable[[Decision], None]) -> Callable[[], None]:
        """Call `answer` once with the decision before `deadline_at` (the event loop's clock), which may be at once.

        Returns what lets go of everything: the caller has gone. Never raises, as `answer` must not.
        """

    async def route(self, request: RouteRequest, deadline_at: float) -> Decision:
        """Do as `begin`, and wait for it. Never raises but for CancelledError: the caller has gone."""

    def abandoned(self, request: RouteRequest) -> None:
        """Take note that the caller hung up before the answer."""


class EventSink(Protocol):
    """Hears what live calls do."""

    def heard(self, event: CallEvent) -> None:
        """Take one event. Must not block and must not raise."""


class QueueSink(Protocol):
    """Hears how queues stand."""

    def heard(self, event: QueueEvent) -> None:
        """Take one event. Must not block and must not raise."""


class CallbackSink(Protocol):
    """Hears how callbacks go."""

    def told(self, event: CallbackHeard) -> None:
        """Take what a switch tells of one. Must not block and must not raise."""

    def placeable(self) -> None:
        """Take note that callbacks can be placed (again)."""
