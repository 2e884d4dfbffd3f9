"""A cluster as one link: a multiplexed connection to each server that holds slots, and the map that says which. Knows no keys of ours.

Each server has a link of its own, so one that hangs or died takes the callers of its slots and nobody else's. (The driver's own cluster
client sends one pipeline to all servers and fails it as a whole.) The map is read again when a server says that a slot has moved, and
now and then while one is away: behind everybody's back, because the old map still serves most.
"""

from __future__ import annotations

import asyncio
import logging
from bisect import bisect_right
from time import monotonic
from typing import TYPE_CHECKING, Any

from redis.crc import key_slot
from redis.exceptions import AskError, ClusterDownError, MovedError, ReadOnlyError, TryAgainError

from ctiroute.errors import StoreError, StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from ctiroute.store.redis.link import Command, ServerLink, Word

    Address = tuple[str, int]

log = logging.getLogger(__name__)

RENEW_S = 1.0  # between two readings of the map
_MOVED = (MovedError, AskError, TryAgainError, ReadOnlyError, ClusterDownError)
_KEY_AT = {"EVAL": 3}  # after the script and the number of keys; else the first word after the command's name


class ClusterLink:
    """Asks whoever holds the key of a command. Use it in one event loop."""

    def __init__(self, first: Sequence[Address], connect: Callable[[Address], ServerLink]) -> None:
        """`first` are servers to begin with: one that lives is enough. `connect` makes a link, which connects when it is first asked."""
        self._first = first
        self._connect = connect
        self._links: dict[Address, ServerLink] = {}
        self._starts: list[int] = []  # first slots of ranges, ascending
        self._ranges: list[tuple[int, Address]] = []  # last slot of each, and who holds it
        self._reading: asyncio.Task[None] | None = None
        self._read_at = float("-inf")
        self._closed = False

    @property
    def away(self) -> str:
        """Why some server cannot be asked; "" when all can."""
        return next((link.away for address, link in self._links.items() if link.away and address in self._primaries()), "")

    async def ask(self, *command: Word) -> Any:
        """Return the answer to one command; raises `StoreUnavailable`. Giving up harms nobody."""
        slot = key_slot(_encoded(_key_of(command)))
        try:
            return await (await self._holder(slot)).ask(*command)
        except StoreUnavailable as error:
            moved = isinstance(error.__cause__, _MOVED)
            reading = self._read_map(at_once=moved)
            if not moved:
                raise
            await asyncio.shield(reading)
        return await (await self._holder(slot)).ask(*command)

    async def ask_all(self, commands: Sequence[Command]) -> list[Any]:
        """Return the answers to several commands, in order; raises `StoreUnavailable` when any of them failed."""
        return list(await asyncio.gather(*[self.ask(*command) for command in commands]))

    async def ask_every_node(self, *command: Word) -> list[Any]:
        """Return the answers of every primary; raises `StoreUnavailable` when one of them is away."""
        await self._holder(0)
        try:
            return list(await asyncio.gather(*[self._link(address).ask(*command) for address in self._primaries()]))
        except StoreUnavailable:
            self._read_map()
            raise

    async def close(self) -> None:
        """Let go of all connections."""
        self._closed = True
        reading, self._reading = self._reading, None
        if reading is not None:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)
        for link in self._links.values():
            await link.close()

    # --- the map

    async def _holder(self, slot: int) -> ServerLink:
        if self._closed:
            raise StoreUnavailable("redis is away: the link is closed")
        if not self._ranges:
            await asyncio.shield(self._read_map())
        place = bisect_right(self._starts, slot) - 1
        if place < 0 or slot > self._ranges[place][0]:
            self._read_map()
            cause = next((link.away for link in self._links.values() if link.away), "nobody in the cluster holds this slot")
            raise StoreUnavailable(f"redis is away: {cause}")
        return self._link(self._ranges[place][1])

    def _primaries(self) -> list[Address]:
        return list(dict.fromkeys(address for _, address in self._ranges))

    def _link(self, address: Address) -> ServerLink:
        if address not in self._links:
            self._links[address] = self._connect(address)
        return self._links[address]

    def _read_map(self, *, at_once: bool = False) -> asyncio.Future[None]:
        """Have the map read again, unless that is under way or (but for `at_once`) was done a moment ago."""
        loop = asyncio.get_running_loop()
        if self._reading is not None and not self._reading.done():
            return self._reading
        if not at_once and self._reading is not None and monotonic() - self._read_at < RENEW_S:
            done: asyncio.Future[None] = loop.create_future()
            done.set_result(None)
            return done
        self._reading = loop.create_task(self._read(), name="redis cluster's map")
        return self._reading

    async def _read(self) -> None:
        """Ask one server after the other, those that were well first; when nobody knows, the old map stays."""
        candidates = dict.fromkeys([*self._primaries(), *self._first, *self._links])
        for address in sorted(candidates, key=lambda it: bool(self._link(it).away)):
            try:
                answer = await self._link(address).ask("CLUSTER", "SLOTS")
                ranges = sorted((first, last, _address(holders[0], address)) for first, last, *holders in answer)
            except (StoreError, ValueError, IndexError, TypeError, AttributeError):  # away, or no cluster
                continue
            if ranges:
                await self._use(ranges)
                break
        self._read_at = monotonic()

    async def _use(self, ranges: Sequence[tuple[int, int, Address]]) -> None:
        self._starts = [first for first, _, _ in ranges]
        self._ranges = [(last, address) for _, last, address in ranges]
        keep = {*self._primaries(), *self._first}
        for address in [address for address in self._links if address not in keep]:
            await self._links.pop(address).close()


def _address(holder: Sequence[Any], asked: Address) -> tuple[str, int]:
    """Return where a server is; one that does not name its host is where it was asked."""
    host = holder[0].decode() if holder[0] else ""
    return (asked[0] if host in {"", "?"} else host), int(holder[1])


def _key_of(command: Iterable[Word]) -> Word:
    words = tuple(command)
    if words[0] == "XREAD":
        return words[words.index("STREAMS") + 1]
    return words[_KEY_AT.get(str(words[0]), 1)]


def _encoded(key: Word) -> bytes:
    return key if isinstance(key, bytes) else str(key).encode("utf-8", "surrogatepass")
