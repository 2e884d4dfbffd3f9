"""What the API does with rules: looks at those in use, checks others, goes back, explains. Implements `web.ports.RulesDesk`."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import asdict
from typing import TYPE_CHECKING

from ctiroute.app.rule_check import check_texts
from ctiroute.app.rule_explain import explain_facts
from ctiroute.app.rule_versions import UnknownVersion, before, diff, find, go_back, plan
from ctiroute.model import Caller, Medium, RouteRequest
from ctiroute.model.phone import is_withheld, parse_phone
from ctiroute.web.api.rules import faults_of
from ctiroute.web.api.rules_wire import (
    Condition,
    Explained,
    ExplainedRule,
    RolledBack,
    RulesChecked,
    RulesDiff,
    RulesInUse,
    UsedVersion,
    VersionFiles,
)
from ctiroute.web.ports import NoSuchVersion

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from datetime import datetime
    from pathlib import Path

    from ctiroute.app.rule_history import RuleHistory
    from ctiroute.app.rule_keeper import RuleKeeper
    from ctiroute.errors import Fault
    from ctiroute.model import RulesVersion
    from ctiroute.rules import Facts
    from ctiroute.rules.lint import Known
    from ctiroute.store.base import Store

SETTLE_S = 1.0  # for a version that is being kept


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
        self._turn = asyncio.Lock()  # one rollback after the other

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
            if not dry_run:
                done = await go_back(
                    self._store, self._path, done, self._clock(), lambda version: self._keeper.announce(version, who, "rollback")
                )
                await self._keeper.reload(who, "rollback")
        swap = done.swap
        return RolledBack(
            before=done.before,
            after=done.after.version,
            written=list(swap.written),
            removed=list(swap.removed),
            saved_to=None if swap.saved_to is None else str(swap.saved_to),
            in_use=self._keeper.current().version == done.after.version,
        )

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
        explained = explain_facts(await self._facts(request), self._keeper.current())
        decision, context = explained.decision, explained.facts.context
        to = decision.destination
        return Explained(
            version=explained.ruleset.version,
            status=decision.status.value,
            rule=decision.rule,
            destination={"to": type(to).__name__.removeprefix("To").lower(), **asdict(to)},
            identity=context.identity.kind.value,
            touches=len(context.touches),
            interactions=len(context.interactions),
            rules=[
                ExplainedRule(
                    rule.rule,
                    rule.file,
                    rule.line,
                    rule.standing.value,
                    [
                        Condition(step.verdict.condition, step.verdict.wanted, step.verdict.seen, step.verdict.matched, step.depth)
                        for step in rule.steps
                    ],
                )
                for rule in explained.rules
            ],
        )

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
