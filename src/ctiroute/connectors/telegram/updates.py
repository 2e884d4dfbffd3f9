"""getUpdates of the Bot API (core.telegram.org/bots/api#getupdates): long polling, without a state of our own.

Telegram keeps an update until one asks for a later one. It is asked for only when this one is durably kept, so a restart loses nothing;
what was kept and not confirmed comes again, and is known by its id.
"""

from __future__ import annotations

import asyncio
import time
from functools import partial
from typing import TYPE_CHECKING, Any

import aiohttp
import msgspec

from ctiroute.connectors.asking import KEEP_S, SourceRefused
from ctiroute.connectors.webhook.careful import bring_carefully
from ctiroute.connectors.webhook.mapping import Brought, Reading, place_of
from ctiroute.connectors.webhook.metrics import Arrival
from ctiroute.errors import LinkError, StoreError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from ctiroute.connectors.webhook.mapping import Mapping
    from ctiroute.connectors.webhook.metrics import ConnectorMetrics
    from ctiroute.connectors.webhook.ports import Taking
    from ctiroute.settings.model import TelegramSettings

LONG_S = 25  # that Telegram holds a request without news; proxies on the way cut at 30
LATE_S = 10.0  # more than that, and it does not answer any more
BATCH = 100  # updates at once, the most that Telegram gives
MAX_ANSWER = 4 * 1024 * 1024  # bytes; a hundred of the largest messages have some 600 KiB
MAX_RETRY_S = 600.0  # that Telegram may ask us to wait
_WANTED = ("message", "callback_query")
_REFUSALS = {
    401: "Telegram does not know this token: take the bot's own from BotFather",
    404: "Telegram does not know this token: take the bot's own from BotFather",
    409: "somebody else gets this bot's messages: stop the other program, or remove its webhook with deleteWebhook",
}


class TelegramUpdates:
    """The messages of one bot."""

    def __init__(
        self,
        settings: TelegramSettings,
        mapping: Mapping,
        taking: Taking,
        metrics: ConnectorMetrics,
        clock: Callable[[], datetime],
        region: str,
        *,
        long_s: int = LONG_S,
        late_s: float = LATE_S,
    ) -> None:
        """`long_s` and `late_s` are for tests."""
        self.name = settings.name
        self._url = f"{settings.api.rstrip('/')}/bot{settings.secret}/getUpdates"  # holds the token: never shown
        self._has_secret = bool(settings.secret)
        self._mapping = mapping
        self._taking = taking
        self._metrics = metrics
        self._clock = clock
        self._region = region
        self._long_s = long_s
        self._late_s = late_s
        self._offset: int | None = None  # of the first update that is not kept yet; None: whatever waits
        self._session: aiohttp.ClientSession | None = None

    async def ask(self) -> float:
        """See `Source`."""
        if not self._has_secret:
            raise SourceRefused("no token is set: write secret or secret_file")
        updates, wait_s = await self._updates()
        if updates:
            await self._keep(updates)
        elif not wait_s:
            self._offset = None  # all before it are confirmed now, and after a quiet week Telegram begins anew at any number
        return wait_s

    async def close(self) -> None:
        """See `Source`."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def _updates(self) -> tuple[list[dict[str, Any]], float]:
        asked = {"limit": BATCH, "timeout": self._long_s, "allowed_updates": _WANTED}
        if self._offset is not None:
            asked["offset"] = self._offset
        status, body = await self._post(msgspec.json.encode(asked))
        if status in _REFUSALS:
            raise SourceRefused(_REFUSALS[status])
        try:
            answer = msgspec.json.decode(body)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
            raise LinkError(f"Telegram answered {status}, with something that is no JSON") from None
        answer = answer if isinstance(answer, dict) else {}
        if status == 429:  # noqa: PLR2004 - too many requests
            return [], _retry_after(answer)
        if not answer.get("ok") or not isinstance(answer.get("result"), list):
            raise LinkError(f"Telegram answered {status}, and gave no messages")
        updates = [one for one in answer["result"] if isinstance(one, dict) and type(one.get("update_id")) is int]
        if answer["result"] and not updates:
            raise LinkError("Telegram gave messages without numbers, which cannot be confirmed")
        return updates, 0.0

    async def _post(self, body: bytes) -> tuple[int, bytes]:
        if self._session is None:
            self._session = aiohttp.ClientSession(headers={"Content-Type": "application/json"})
        try:
            async with (
                asyncio.timeout(self._long_s + self._late_s),
                self._session.post(self._url, data=body, allow_redirects=False) as answer,
            ):
                pieces = bytearray()
                async for piece in answer.content.iter_chunked(64 * 1024):
                    pieces += piece
                    if len(pieces) > MAX_ANSWER:
                        raise LinkError(f"Telegram's answer is over {MAX_ANSWER // 1024 // 1024} MiB")
                return answer.status, bytes(pieces)
        except TimeoutError:
            raise LinkError("Telegram does not answer") from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            cause = error.os_error if isinstance(error, aiohttp.ClientConnectorError) else None
            why = (cause.strerror if cause is not None else None) or type(
                error
            ).__name__  # its own words may hold the address, and so the token
            raise LinkError(f"Telegram cannot be reached: {why}") from None

    async def _keep(self, updates: Sequence[dict[str, Any]]) -> None:
        """Keep a batch, then count it as heard."""
        how = Reading(self._region, self._clock())
        brought = [bring_carefully(self._mapping, self.name, partial(place_of, update, {}, {}), how) for update in updates]
        started = time.perf_counter()
        whole = Brought(
            tuple(intake for one in brought for intake in one.intakes),
            tuple(receipt for one in brought for receipt in one.receipts),
            tuple(touch for one in brought for touch in one.touches),
        )
        if whole:
            try:
                async with asyncio.timeout(KEEP_S):
                    tally = await self._taking.take(whole)
            except (StoreError, TimeoutError):
                self._metrics.arrived(self.name, Arrival.AWAY)
                raise
            self._metrics.kept(self.name, tally, time.perf_counter() - started)
        for one in brought:
            self._metrics.arrived(self.name, Arrival.TAKEN if one else Arrival.USELESS if one.refused else Arrival.IGNORED)
        self._offset = max(update["update_id"] for update in updates) + 1


def _retry_after(answer: dict[str, Any]) -> float:
    parameters = answer.get("parameters")
    seconds = parameters.get("retry_after") if isinstance(parameters, dict) else None
    return min(float(seconds), MAX_RETRY_S) if isinstance(seconds, int | float) and seconds > 0 else LATE_S
