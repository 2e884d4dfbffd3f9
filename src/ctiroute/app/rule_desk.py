"""What the API does with rules: looks at those in use, checks others, goes back, explains. Implements `web.ports.RulesDesk`."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from ctiroute.app.rule_check import check_texts
from ctiroute.app.rule_explain import explain_facts
from ctiroute.app.rule_files import compile_texts
from ctiroute.app.rule_rollback import plan_swap, version_there
from ctiroute.app.rule_trials import RuleTrials, as_explained
from ctiroute.app.rule_versions import Rollback, UnknownVersion, before, diff, find, go_back, kept, plan
from ctiroute.errors import Fault, RulesError
from ctiroute.model import Caller, Medium, RouteRequest, RulesVersion
from ctiroute.model.phone import is_withheld, parse_phone
from ctiroute.web.api.rules import faults_of
from ctiroute.web.api.rules_wire import (
    RolledBack,
    RulesChecked,
    RulesDiff,
    RulesInUse,
    RulesPut,
    UsedVersion,
    VersionFiles,
)
from ctiroute.web.ports import NoSuchVersion, RulesChanged

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from datetime import datetime
    from pathlib import Path

    from ctiroute.app.rule_history import RuleHistory
    from ctiroute.app.rule_keeper import RuleKeeper
    from ctiroute.rules import Facts
    from ctiroute.rules.lint import Known
    from ctiroute.store.base import Store
    from ctiroute.web.api.rules_wire import Explained, RulesToPut

SETTLE_S = 1.0  # for a version that is being kept
_SUFFIXES = frozenset({".yml", ".yaml", ".md", ".txt"})
_PLACES = "a name below the folder that ends in .yml, .yaml, .md or .txt, no part of it beginning with a dot"


class RulesDesk:
    """The rules of a running service, for those who look after them."""

    def __init__(
        self,
        path: Path,
        keeper: RuleKeeper,
        history: RuleHistory,
        store: Store,
        clock: Callable[[], datetime],
        region: str,
        known: Known,
        facts: Callable[[RouteRequest], Awaitable[Facts]],
    ) -> None:
        """`known` is what files are held against when they are checked.

        `facts` gathers all that is known for a request, without acting on it.
        """
        self._path = path
        self._keeper = keeper
        self._history = history
        self._store = store
        self._clock = clock
        self._region = region
        self._known = known
        self._facts = facts
        self._turn = asyncio.Lock()  # one change of the folder after the other
        self.trials = RuleTrials(path, keeper, store, clock)

    def current(self) -> RulesInUse:
        """Return the rules in use, with their files."""
        ruleset = self._keeper.current()
        names = [rule.name for rule in ruleset.rules]
        return RulesInUse(ruleset.version, names, faults_of(self._keeper.faults), dict(self._history.behind()), dict(self._keeper.texts()))

    async def check(self, files: Mapping[str, str]) -> RulesChecked:
        """Return every mistake in these files."""
        report = await asyncio.to_thread(check_texts, files, self._known)
        found = faults_of(finding.fault for finding in report.findings)
        if report.ruleset is None:
            return RulesChecked(ok=False, version="", rules=[], faults=found, warnings=[])
        names = [rule.name for rule in report.ruleset.rules]
        return RulesChecked(ok=True, version=report.ruleset.version, rules=names, faults=[], warnings=found)

    async def versions(self, limit: int) -> list[UsedVersion]:
        """Return which rules came into use, the latest first."""
        await self._settled()
        used = await self._store.get_rules_versions(limit)
        return [UsedVersion(each.version, each.used_at, each.how, each.who, each.node) for each in used]

    async def version(self, version: str) -> VersionFiles:
        """Return one version with its files."""
        found = await self._find(version)
        return VersionFiles(found.version, found.used_at, found.how, found.who, found.node, dict(found.files))

    async def diff(self, version: str, against: str | None) -> RulesDiff:
        """Return what a version changed of the one before it, or of another."""
        after = await self._find(version)
        earlier = await before(self._store, after.version) if against is None else await self._find(against)
        name, files = ("", {}) if earlier is None else (earlier.version, earlier.files)
        text = await asyncio.to_thread(diff, files, after.files, name or "nothing", after.version)
        return RulesDiff(name, after.version, text)

    async def roll_back(self, version: str | None, who: str, *, dry_run: bool) -> RolledBack:
        """Put an earlier version in place and use it."""
        async with self._turn:
            await self._settled()
            try:
                done = await plan(self._store, self._path, version)
            except UnknownVersion as error:
                raise NoSuchVersion(str(error)) from None
            return RolledBack(*await self._in_place(done, who, "rollback", dry_run=dry_run))

    async def put(self, asked: RulesToPut, who: str) -> RulesPut:
        """Have these files in place of those in the folder, and use them."""
        async with self._turn:
            await self._settled()
            there, used = await asyncio.to_thread(version_there, self._path), self._keeper.current().version
            if asked.base is not None and not (used.startswith(asked.base) and there == used):
                raise RulesChanged(f"rules {used} are in use, and {there or 'files with mistakes'} in the folder")
            faults = [Fault(name, 0, 0, "is no place for rules", hint=_PLACES) for name in asked.files if not _is_place(name)]
            if faults:
                raise RulesError(faults)
            ruleset = await asyncio.to_thread(compile_texts, asked.files)
            swap = await asyncio.to_thread(plan_swap, self._path, asked.files)
            version = RulesVersion(ruleset.version, self._clock(), who, "api", "", asked.files)
            planned = Rollback(await kept(self._store, there), version, swap)
            return RulesPut(*await self._in_place(planned, who, "api", dry_run=asked.dry_run))

    async def _in_place(
        self, planned: Rollback, who: str, how: str, *, dry_run: bool
    ) -> tuple[str | None, str, list[str], list[str], str | None, bool]:
        """Put a version in place and use it; return the fields of the answer."""
        if not dry_run:
            planned = await go_back(
                self._store, self._path, planned, self._clock(), lambda version: self._keeper.announce(version, who, how)
            )
            await self._keeper.reload(who, how)
        swap, version = planned.swap, planned.after.version
        saved_to = None if swap.saved_to is None else str(swap.saved_to)
        return planned.before, version, list(swap.written), list(swap.removed), saved_to, self._keeper.current().version == version

    async def reload(self, who: str) -> tuple[Fault, ...]:
        """Read the files now; return what is wrong with them."""
        await self._keeper.reload(who, "api")
        return self._keeper.faults

    async def explain(self, phone: str, dialed: str) -> Explained:
        """Return where a call from this number would go now."""
        number = parse_phone(phone, self._region)
        withheld = number is None and is_withheld(phone)
        caller = Caller("" if withheld else phone, number, withheld=withheld)
        request = RouteRequest("explain", Medium.VOICE, caller, parse_phone(dialed, self._region) or dialed, self._clock())
        return as_explained(explain_facts(await self._facts(request), self._keeper.current()))

    async def _settled(self) -> None:
        """Wait until what has just come into use is kept; while the store is away, whoever asks it next is told."""
        with suppress(TimeoutError):
            async with asyncio.timeout(SETTLE_S):
                await self._history.written()

    async def _find(self, version: str) -> RulesVersion:
        await self._settled()
        try:
            return await find(self._store, version)
        except UnknownVersion as error:
            raise NoSuchVersion(str(error)) from None


def _is_place(name: str) -> bool:
    """Say whether a program may write a file of this name: rules, cases, scripts and lists, and nothing that is hidden."""
    file = PurePosixPath(name)
    return not file.is_absolute() and file.suffix in _SUFFIXES and not any(part.startswith(".") for part in file.parts)
