"""Holds the Ruleset in use and changes it whole, or not at all: all that can fail comes first, then one swap."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections import deque
from typing import TYPE_CHECKING

from prometheus_client import Gauge
from watchfiles import awatch

from ctiroute.app.rule_files import read_rules
from ctiroute.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from prometheus_client import CollectorRegistry

    from ctiroute.errors import Fault
    from ctiroute.rules import Ruleset

log = logging.getLogger(__name__)

SETTLE_MS = 200  # an editor writes a file in several steps; what comes within this time is one save
STEP_MS = 50  # how long no change has to come for a save to be over
KEPT = 4  # versions: a call decided just before a save can still be explained while its phone rings


class RuleKeeper:
    """The rules in use."""

    def __init__(self, path: Path, registry: CollectorRegistry, review: Callable[[Ruleset], Iterable[Fault]] = lambda _: ()) -> None:
        """`review` names what is worth a warning in rules that can be used."""
        self._path = path
        self._review = review
        self._ruleset: Ruleset | None = None
        self._recent: deque[Ruleset] = deque(maxlen=KEPT)
        self._reading = asyncio.Lock()  # two saves in a row: the later one is read last
        self.fault = ""  # why the files on disk are not the rules in use; "" when they are
        self._good = Gauge("ctiroute_rules_good", "1: the files on disk are the rules in use", registry=registry)
        self._loaded_at = Gauge("ctiroute_rules_loaded_timestamp_seconds", "When the rules in use were loaded", registry=registry)

    def load(self) -> None:
        """Read the rules for the first time. Raises `ConfigurationError`: there is nothing to fall back on yet."""
        self._use(read_rules(self._path))

    def current(self) -> Ruleset:
        """Return the rules in use, whole and immutable."""
        if self._ruleset is None:
            raise RuntimeError("load() comes first")
        return self._ruleset

    def version(self, version: str) -> Ruleset | None:
        """Return the rules of a version that is or lately was in use, or None."""
        return next((ruleset for ruleset in self._recent if ruleset.version == version), None)

    async def reload(self) -> bool:
        """Read the files again; a mistake in them leaves the rules in use and is said loudly. Returns whether they were good.

        Reading happens in a thread: thousands of rules take a second, and calls come in meanwhile. The swap is one assignment.
        """
        async with self._reading:
            return await self._reload()

    async def _reload(self) -> bool:
        try:
            ruleset = await asyncio.to_thread(read_rules, self._path)
        except ConfigurationError as error:
            faults = error.faults
            more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
            self.fault = f"{faults[0]}{more}"
            self._good.set(0)
            for fault in faults:
                log.error("rules not loaded, those in use stay: %s", fault)  # noqa: TRY400 - the fault names the place
            return False
        if self._ruleset is None or ruleset.version != self._ruleset.version:
            log.info("rules %s are in use now: %d rules", ruleset.version, len(ruleset.rules))
        self._use(ruleset)
        return True

    async def watch(self) -> None:
        """Reload whenever a file changes, until cancelled. Also follows what is put in the place of the folder, or of the one file."""
        replaced = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._watch_place(replaced), name="rules: their place")
            group.create_task(self._watch_folder(replaced), name="rules: their folder")

    async def _watch_place(self, replaced: asyncio.Event) -> None:
        """Watch the folder above: a watch stays with what it was set on, so a rename over that would blind it."""
        path = self._path.absolute()
        async for changes in awatch(path.parent, recursive=False, watch_filter=None, debounce=SETTLE_MS, step=STEP_MS):
            if any(changed == str(path) for _, changed in changes):
                replaced.set()
                await self.reload()

    async def _watch_folder(self, replaced: asyncio.Event) -> None:
        while True:
            replaced.clear()
            if self._path.is_dir():
                await self._watch_files(replaced)
            await replaced.wait()

    async def _watch_files(self, replaced: asyncio.Event) -> None:
        read = False  # once more after the watch is set: a file may have been saved since the last reading
        with contextlib.suppress(FileNotFoundError):
            async for changes in awatch(
                self._path,
                watch_filter=None,
                debounce=SETTLE_MS,
                step=STEP_MS,
                stop_event=replaced,
                rust_timeout=500,
                yield_on_timeout=True,
            ):
                if changes or not read:
                    read = True
                    await self.reload()

    def _use(self, ruleset: Ruleset) -> None:
        if self._ruleset is None or ruleset.version != self._ruleset.version:
            for fault in self._review(ruleset):
                log.warning("%s", fault)
        self._ruleset = ruleset
        self._recent.appendleft(ruleset)
        self.fault = ""
        self._good.set(1)
        self._loaded_at.set(time.time())
