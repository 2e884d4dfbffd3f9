"""Finds the file of a call that this node did not decide: from another node, from the store, or by asking who calls.

Nobody waits for it but a pop that is on its screen already, without the context.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from ctiroute.app.call_files import CallFile, from_bytes
from ctiroute.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from ctiroute.app.neighbours import Neighbours
    from ctiroute.app.tasks import Tasks
    from ctiroute.model import LegStarted
    from ctiroute.store.base import Store

log = logging.getLogger(__name__)

LATER_S = (0.2, 0.8, 3.0)  # to look again for a call that another node may have decided; its record is written within a second


class CallSearch:
    """One search for a call at a time; what is found is given to `show`."""

    def __init__(
        self,
        store: Store,
        neighbours: Neighbours,
        look_up: Callable[[LegStarted], Awaitable[CallFile]],
        explain: Callable[[CallFile], CallFile],
        show: Callable[[CallFile], None],
    ) -> None:
        """`look_up` makes the file of a call that nobody decided, `explain` words the trace of a file that was packed without."""
        self._store = store
        self._neighbours = neighbours
        self._look_up = look_up
        self._explain = explain
        self._show = show
        self._searching: set[str] = set()

    def find(self, call_id: str, heard: LegStarted | None, tasks: Tasks) -> None:
        """Look for a call we hold no file of: decided by another node, from before a restart, or dialled without asking us."""
        if call_id not in self._searching:
            self._searching.add(call_id)
            tasks.start(self._find(call_id, heard), f"find {call_id}")

    def read_again(self, call_id: str, tasks: Tasks) -> None:
        """Read a file that another node has changed."""
        tasks.start(self._read_again(call_id), f"read {call_id} again")

    async def _find(self, call_id: str, heard: LegStarted | None) -> None:
        try:
            if await self._found(call_id) or heard is None:
                return
            self._show(await self._look_up(heard))
            # Another node may have decided it a moment ago, and not told yet: what it tells comes with the rule's own words.
            for pause in LATER_S if self._neighbours.any else ():
                await asyncio.sleep(pause)
                if await self._found(call_id):
                    return
        finally:
            self._searching.discard(call_id)

    async def _read_again(self, call_id: str) -> None:
        file = await self._shared_file(call_id)
        if file is not None:
            self._show(file)

    async def _found(self, call_id: str) -> bool:
        file = await self._shared_file(call_id) or await self._stored_file(call_id)
        if file is not None:
            self._show(file)
        return file is not None

    async def _shared_file(self, call_id: str) -> CallFile | None:
        return self._unpacked(await self._neighbours.find_call(call_id))

    async def _stored_file(self, call_id: str) -> CallFile | None:
        try:
            record = await self._store.get_call(call_id)
        except StoreError as error:
            log.warning("the context of %s cannot be read: %s", call_id, error)
            return None
        return self._unpacked(record.snapshot if record is not None else None)

    def _unpacked(self, packed: bytes | None) -> CallFile | None:
        file = from_bytes(packed) if packed is not None else None
        return self._explain(file) if file is not None else None
