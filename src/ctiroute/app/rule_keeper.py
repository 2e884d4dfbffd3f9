"""Holds the Ruleset in use and changes it whole, or not at all: all that can fail comes first, then one swap."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import pwd
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from prometheus_client import Counter, Gauge
from watchfiles import awatch

from ctiroute.app.rule_files import read_with_texts, signature
from ctiroute.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from prometheus_client import CollectorRegistry

    from ctiroute.app.rule_files import ReadRules
    from ctiroute.errors import Fault
    from ctiroute.rules import Ruleset

log = logging.getLogger(__name__)

SETTLE_MS = 200  # an editor writes a file in several steps; what comes within this time is one save
STEP_MS = 50  # how long no change has to come for a save to be over
QUIET_S = 0.2  # how long nobody has to have written to a file for it to be read
PATIENCE = 5  # times that; somebody who goes on writing, or a clock that is wrong, cannot keep the rules from being read
KEPT = 4  # versions: a call decided just before a save can still be explained while its phone rings


@dataclass(frozen=True, slots=True)
class Change:
    """Rules that have just come into use."""

    version: str  # Ruleset.version
    who: str  # "": nobody can tell
    how: str  # start | save | signal | api | rollback
    texts: Mapping[str, str]  # name below the folder -> text


class RuleKeeper:
    """The rules in use."""

    def __init__(
        self,
        path: Path,
        registry: CollectorRegistry,
        review: Callable[[Ruleset], Iterable[Fault]] = lambda _: (),
        taken: Callable[[Change], None] = lambda _: None,
        *,
        quiet_s: float = QUIET_S,
    ) -> None:
        """`review` names what is worth a warning in rules that can be used; `taken` is told of every change, in order.

        Files are read when nobody has written to them for `quiet_s`.
        """
        self._path = path
        self._review = review
        self._taken = taken
        self._quiet_s = quiet_s
        self._texts: Mapping[str, str] = {}
        self._announced: dict[str, tuple[str, str]] = {}  # version -> who and how
        self._ruleset: Ruleset | None = None
        self._recent: deque[Ruleset] = deque(maxlen=KEPT)
        self._reading = asyncio.Lock()  # two saves in a row: the later one is read last
        self.fault = ""  # why the files on disk are not the rules in use; "" when they are
        self.faults: tuple[Fault, ...] = ()  # every one of them
        self._good = Gauge("ctiroute_rules_good", "1: the files on disk are the rules in use", registry=registry)
        self._loaded_at = Gauge("ctiroute_rules_loaded_timestamp_seconds", "When the rules in use were loaded", registry=registry)
        self._readings = Counter("ctiroute_rules_reloads", "Times the files were read again", ["result"], registry=registry)
        for result in ("changed", "same", "bad"):
            self._readings.labels(result)

    def load(self) -> None:
        """Read the rules for the first time. Raises `ConfigurationError`: there is nothing to fall back on yet."""
        self._use(read_with_texts(self._path), "", "start")

    def current(self) -> Ruleset:
        """Return the rules in use, whole and immutable."""
        if self._ruleset is None:
            raise RuntimeError("load() comes first")
        return self._ruleset

    def version(self, version: str) -> Ruleset | None:
        """Return the rules of a version that is or lately was in use, or None."""
        return next((ruleset for ruleset in self._recent if ruleset.version == version), None)

    def texts(self) -> Mapping[str, str]:
        """Return what the files of the rules in use said: name below the folder -> text."""
        return self._texts

    def announce(self, version: str, who: str, how: str) -> None:
        """Say who is about to bring this version into use: whatever notices its files first, that is why."""
        self._announced = {version: (who, how)}  # of two at once the later one wins, as its files do

    async def reload(self, who: str = "", how: str = "save") -> bool:
        """Read the files again; a mistake in them leaves the rules in use and is said loudly. Returns whether they were good.

        `who` and `how` say why, "" the owner of the file that was saved last. Reading happens in a thread: thousands of rules take a
        second, and calls come in meanwhile. The swap is one assignment.
        """
        async with self._reading:
            await self._until_quiet()
            return await self._reload(who, how)

    async def _until_quiet(self) -> None:
        """Wait until nobody has written for a while: a file that is being saved in place is empty for a moment, and good rules."""
        patience = PATIENCE * self._quiet_s
        while patience > 0:
            newest = max((saved.changed_ns for saved in signature(self._path)), default=0)
            wait_s = min(self._quiet_s - (time.time() - newest / 1e9), self._quiet_s)
            if wait_s <= 0:
                return
            await asyncio.sleep(wait_s)
            patience -= wait_s

    async def _reload(self, who: str, how: str) -> bool:
        try:
            read = await asyncio.to_thread(read_with_texts, self._path)
        except ConfigurationError as error:
            faults = error.faults
            more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
            self.fault, self.faults = f"{faults[0]}{more}", faults
            self._good.set(0)
            self._readings.labels("bad").inc()
            for fault in faults:
                log.error("rules not loaded, those in use stay: %s", fault)  # noqa: TRY400 - the fault names the place
            return False
        self._use(read, who, how)
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

    def _use(self, read: ReadRules, who: str, how: str) -> None:
        ruleset = read.ruleset
        changed = self._ruleset is None or ruleset.version != self._ruleset.version
        if self._ruleset is not None:
            self._readings.labels("changed" if changed else "same").inc()
        if changed:
            for fault in self._review(ruleset):
                log.warning("%s", fault)
        self._ruleset, self._texts = ruleset, read.texts
        self._recent.appendleft(ruleset)
        self.fault, self.faults = "", ()
        self._good.set(1)
        self._loaded_at.set(time.time())
        if changed:
            announced = self._announced.pop(ruleset.version, None)
            who, how = announced or (who or _owner(self._path), how)
            log.info("rules %s are in use now: %d rules (%s%s)", ruleset.version, len(ruleset.rules), how, f" by {who}" if who else "")
            self._taken(Change(ruleset.version, who, how, read.texts))


def _owner(path: Path) -> str:
    """Return who owns the file that was saved last; "" when nobody can tell."""
    saved = max(signature(path), key=lambda each: each.changed_ns, default=None)
    if saved is None:
        return ""
    try:
        return pwd.getpwuid(saved.owner).pw_name
    except KeyError:  # of another machine, or of a container
        return str(saved.owner)
