"""What the voice connector asks of the rest of the service. `app` implements it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from ctiroute.model import CallEvent, Decision, RouteRequest


class RouteHandler(Protocol):
    """Answers calls."""

    def decide(self, request: RouteRequest) -> Decision | None:
        """Decide at once; None, without any effect, when something has to be waited for: ask `route`. Never raises."""

    async def route(self, request: RouteRequest, deadline_at: float) -> Decision:
        """Decide before `deadline_at` (the event loop's clock). Never raises but for CancelledError: the caller has gone."""

    def abandoned(self, request: RouteRequest) -> None:
        """Take note that the caller hung up before the answer."""


class EventSink(Protocol):
    """Hears what live calls do."""

    def heard(self, event: CallEvent) -> None:
        """Take one event. Must not block and must not raise."""
