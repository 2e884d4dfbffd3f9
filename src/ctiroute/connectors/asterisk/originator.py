"""The link of the one account that may place calls: asks Asterisk for a callback, and hears what its dialplan tells of it.

It is a link of its own because its account is: `originate` is as good as a shell, and whoever does not use callbacks never grants it.
Nothing is ever sent twice: what was asked when a connection broke is uncertain, and whoever asked decides what that means.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, NoReturn

from ctiroute.connectors.asterisk.ami_connection import AmiConnection, AmiTiming
from ctiroute.connectors.asterisk.ami_door import RefusedByAsterisk, knock, log_in, message_of
from ctiroute.connectors.asterisk.translate.callbacks import CLASSES, WANTED, heard, originate
from ctiroute.connectors.backoff import FIRST_S, LONGEST_S, Backoff
from ctiroute.errors import AmiError, LinkError
from ctiroute.model.callback import CallbackPlaced

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from random import Random

    from ctiroute.connectors.asterisk.ami_door import Account
    from ctiroute.connectors.asterisk.ports import CallbackSink
    from ctiroute.model.callback import CallbackPlacing

log = logging.getLogger(__name__)

_HEALTHY_S = 60.0  # a link that lived so long was well: the next fault begins with the shortest wait
_REFUSED_S = 30.0  # least time between two tries that Asterisk refuses
_BATCH = 50  # events passed on before other tasks get a turn


class Originator:
    """Places callbacks on one Asterisk. `sink` hears how they go; `timing` and what follows it are for tests."""

    def __init__(
        self,
        name: str,
        account: Account,
        sink: CallbackSink,
        clock: Callable[[], datetime],
        rng: Random,
        *,
        timing: AmiTiming | None = None,
        first_s: float = FIRST_S,
        longest_s: float = LONGEST_S,
    ) -> None:
        self.name = name  # of the Asterisk, the first part of its calls' ids
        self.fault = "not connected yet"  # why nothing can be placed, in words; "" while it can
        self._account = account
        self._sink = sink
        self._clock = clock
        self._rng = rng
        self._timing = timing or AmiTiming()
        self._backoff = Backoff(rng, first_s, longest_s)
        self._connection: AmiConnection | None = None

    async def run(self) -> None:
        """Hold the link until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            began, least_s = loop.time(), 0.0
            try:
                await self._live()
            except RefusedByAsterisk as error:
                fault, least_s = str(error), _REFUSED_S
            except (LinkError, AmiError) as error:
                fault = str(error)
            except Exception as error:  # a link that gave up for good would keep no promise any more
                log.exception("originate link %s broke", self.name)
                fault = f"it broke: {type(error).__name__}; the log has the details"
            if loop.time() - began > _HEALTHY_S:
                self._backoff.reset()
            if fault != self.fault:
                log.warning("originate link %s: %s", self.name, fault)
            self.fault = fault
            await asyncio.sleep(max(least_s, self._backoff.next_s()))

    async def place(self, placing: CallbackPlacing) -> CallbackPlaced:
        """Ask Asterisk to place a call. TAKEN: what becomes of it is told to the sink."""
        connection = self._connection
        if connection is None or connection.loss:
            return CallbackPlaced.REFUSED
        try:
            headers, mark = originate(placing)
            answer = await connection.ask("Originate", headers, mark=mark)
        except (ValueError, AmiError) as error:  # found before a byte was sent
            log.warning("callback %s cannot be placed: %s", placing.callback_id, error)
            return CallbackPlaced.REFUSED
        except LinkError as error:
            log.warning("callback %s may have been placed, or not: %s", placing.callback_id, error)
            return CallbackPlaced.UNCERTAIN
        if answer.ok:
            return CallbackPlaced.TAKEN
        log.warning(
            "callback %s was refused by Asterisk (%s): has %s write = originate, and is extensions_ctiroute_callback.conf included?",
            placing.callback_id, message_of(answer), self._account.username,
        )  # fmt: skip
        return CallbackPlaced.REFUSED

    async def _live(self) -> NoReturn:
        tag = f"ctiroute-{self._rng.getrandbits(64):016x}"
        connection = await knock(
            self._account, lambda: AmiConnection(WANTED, self._clock, tag, lambda _: None, self._timing), self._timing.connect_s
        )
        try:
            await log_in(connection, self._account, CLASSES)
            self._connection, self.fault = connection, ""
            log.info("originate link %s: up", self.name)
            self._sink.placeable()
            while connection.events or not connection.loss:  # what was read before the end is passed on, too
                for _ in range(min(len(connection.events), _BATCH)):
                    self._pass_on(connection)
                if connection.events:
                    await asyncio.sleep(0)
                    continue
                connection.activity.clear()
                if not connection.loss:
                    await connection.activity.wait()
            raise LinkError(connection.loss)
        finally:
            self._connection = None
            connection.abort("closed by ctiroute")

    def _pass_on(self, connection: AmiConnection) -> None:
        _, event = connection.events.popleft()
        try:
            told = heard(event.name, event.headers)
            if told is not None:
                self._sink.told(told)
        except Exception:  # one event must not cost the link
            log.exception("originate link %s: %s was not taken", self.name, event.name)
