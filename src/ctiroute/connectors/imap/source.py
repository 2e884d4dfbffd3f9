"""New mail -> mapping -> store -> marked as taken, in this order: a restart in between reads a mail again, and it is known.

The standard library's client in a thread of its own, as asyncio has none; what waits is cut off from outside.
"""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from ctiroute.connectors.asking import KEEP_S
from ctiroute.connectors.imap.mail import read_mail
from ctiroute.connectors.imap.mailbox import Mailbox
from ctiroute.connectors.webhook.careful import bring_carefully
from ctiroute.connectors.webhook.mapping import Brought, Reading, place_of
from ctiroute.connectors.webhook.metrics import Arrival
from ctiroute.errors import LinkError, StoreError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from ctiroute.connectors.webhook.mapping import Mapping, Place
    from ctiroute.connectors.webhook.metrics import ConnectorMetrics
    from ctiroute.connectors.webhook.ports import Taking
    from ctiroute.settings.model import MailboxSettings

T = TypeVar("T")

BATCH = 10  # mails at once: 2.5 MiB at most
MOST = 200  # mails in one look; the others come with the next, at once
STEP_S = 60.0  # for one step: connecting and looking, fetching a batch, marking it


class MailSource:
    """The mail of one mailbox."""

    def __init__(
        self,
        settings: MailboxSettings,
        mapping: Mapping,
        taking: Taking,
        metrics: ConnectorMetrics,
        clock: Callable[[], datetime],
        region: str,
        *,
        mailbox: Mailbox | None = None,
        step_s: float = STEP_S,
    ) -> None:
        """`mailbox` and `step_s` are for tests."""
        self.name = settings.name
        self._settings = settings
        self._mapping = mapping
        self._taking = taking
        self._metrics = metrics
        self._clock = clock
        self._region = region
        self._mailbox = mailbox or Mailbox(settings)
        self._step_s = step_s
        self._withheld: set[bytes] = set()  # mail the server names and does not hand over: not asked for again before a restart
        self._thread = ThreadPoolExecutor(1, f"imap-{settings.name}")

    async def ask(self) -> float:
        """See `Source`."""
        found = await self._in_thread(lambda: self._mailbox.look(self._clock(), MOST + len(self._withheld)))
        uids = [uid for uid in found if uid not in self._withheld][:MOST]
        for start in range(0, len(uids), BATCH):
            await self._keep(uids[start : start + BATCH])
        return 0.0 if len(uids) == MOST else self._settings.poll_s

    async def close(self) -> None:
        """See `Source`."""
        with suppress(LinkError, OSError):
            await self._in_thread(self._mailbox.close)

    async def _keep(self, uids: Sequence[bytes]) -> None:
        read = await self._in_thread(lambda: self._brought(uids))
        self._withheld.update(uid for uid in uids if uid not in read)
        if not read:
            return
        brought = list(read.values())
        whole = Brought(tuple(intake for one in brought for intake in one.intakes))
        started = time.perf_counter()
        if whole:
            try:
                async with asyncio.timeout(KEEP_S):
                    tally = await self._taking.take(whole)
            except (StoreError, TimeoutError):
                self._metrics.arrived(self.name, Arrival.AWAY)
                raise
            self._metrics.kept(self.name, tally, time.perf_counter() - started)
        await self._in_thread(lambda: self._mailbox.mark(list(read)))
        for one in brought:
            self._metrics.arrived(self.name, Arrival.TAKEN if one else Arrival.USELESS if one.refused else Arrival.IGNORED)

    def _brought(self, uids: Sequence[bytes]) -> dict[bytes, Brought]:
        """Fetch and read mails: in the thread, as a large one takes some milliseconds."""
        how = Reading(self._region, self._clock())
        return {
            uid: bring_carefully(self._mapping, self.name, partial(_place, raw, date), how)
            for uid, (raw, date) in self._mailbox.fetch(uids).items()
        }

    async def _in_thread(self, work: Callable[[], T]) -> T:
        """Do a step; when it takes too long, or nobody waits for it any more, cut the connection so that the thread comes back."""
        step = asyncio.get_running_loop().run_in_executor(self._thread, work)
        try:
            async with asyncio.timeout(self._step_s):
                return await asyncio.shield(step)
        except TimeoutError:
            self._mailbox.cut()
            with suppress(LinkError):
                await step
            raise LinkError("the mail server takes too long") from None
        except asyncio.CancelledError:
            self._mailbox.cut()
            step.add_done_callback(_forget)
            raise


def _place(raw: bytes, date: str) -> Place:
    return place_of(read_mail(raw, date), {}, {})


def _forget(step: asyncio.Future[T]) -> None:
    if not step.cancelled():
        step.exception()  # looked at, so that nobody complains that it was not
