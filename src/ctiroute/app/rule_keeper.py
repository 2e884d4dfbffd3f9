"""Holds the Ruleset in use and changes it whole, or not at all: all that can fail comes first, then one swap."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from prometheus_client import Gauge
from watchfiles import awatch

from ctiroute.app.rule_files import read_rules
from ctiroute.errors import ConfigurationError

if TYPE_CHECKING:
    from pathlib import Path

    from prometheus_client import CollectorRegistry

    from ctiroute.rules import Ruleset

log = logging.getLogger(__name__)

SETTLE_MS = 200  # an editor writes a file in several steps; what comes within this time is one save


class RuleKeeper:
    """The rules in use."""

    def __init__(self, path: Path, registry: CollectorRegistry) -> None:
        self._path = path
        self._ruleset: Ruleset | None = None
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

    def reload(self) -> bool:
        """Read the files again; a mistake in them leaves the rules in use and is said loudly. Returns whether they were good."""
        try:
            ruleset = read_rules(self._path)
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
        """Reload whenever a file changes, until cancelled."""
        async for _ in awatch(self._path, debounce=SETTLE_MS, step=50, rust_timeout=1000, recursive=True):
            self.reload()

    def _use(self, ruleset: Ruleset) -> None:
        self._ruleset = ruleset
        self.fault = ""
        self._good.set(1)
        self._loaded_at.set(time.time())
