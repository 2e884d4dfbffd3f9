"""Rule files -> everything there is to say about them: every mistake, or what lint finds in rules without one.

With settings it is known for how long records are kept and in which language screens are; live, which campaigns and operators the store
has, and which queues each Asterisk.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry

from ctiroute.app.retention import kept_days
from ctiroute.app.rule_files import compile_texts, read_for_lint, read_sources
from ctiroute.connectors.asterisk.ami_link import AsteriskLink
from ctiroute.connectors.asterisk.ami_metrics import AmiMetrics
from ctiroute.errors import ConfigurationError, LinkError, ProtocolError, StoreError
from ctiroute.model import Campaign
from ctiroute.rules import Ruleset
from ctiroute.rules import fragments as shape
from ctiroute.rules.headings import heading_of
from ctiroute.rules.lint import ERROR, Finding, Known, lint
from ctiroute.store import open_store
from ctiroute.store.copying import Kind

if TYPE_CHECKING:
    from pathlib import Path

    from ctiroute.documents import Node
    from ctiroute.model import CallEvent
    from ctiroute.settings import Settings
    from ctiroute.settings.model import AsteriskSettings
    from ctiroute.store.base import Store

_PAGE = 1000  # campaigns read at once


@dataclass(frozen=True, slots=True)
class Report:
    """What there is to say about rule files."""

    findings: tuple[Finding, ...]  # in the order of the files; errors alone when the rules cannot be used
    ruleset: Ruleset | None  # None: they cannot be used
    texts: Mapping[str, str]  # the files as they were read, by name


def check(path: Path, known: Known | None = None) -> Report:
    """Read a folder of rules, or one file, and return all that is found. Never raises for what files hold."""
    sources: list[tuple[str, bytes]] = []
    trees: dict[str, Node] = {}
    try:
        sources = read_sources(path)
        ruleset = read_for_lint(path, sources, trees)
    except ConfigurationError as error:
        return Report(_mistakes(error, trees), None, _texts(sources))
    return Report(tuple(lint(ruleset, trees, known)), ruleset, _texts(sources))


def check_texts(texts: Mapping[str, str], known: Known | None = None) -> Report:
    """Return all that is found in texts that lie in no folder. Never raises for what they hold."""
    trees: dict[str, Node] = {}
    try:
        ruleset = compile_texts(texts, forms=True, trees=trees)
    except ConfigurationError as error:
        return Report(_mistakes(error, trees), None, texts)
    return Report(tuple(lint(ruleset, trees, known)), ruleset, texts)


def _mistakes(error: ConfigurationError, trees: Mapping[str, Node]) -> tuple[Finding, ...]:
    return tuple(Finding(ERROR, heading_of(fault, trees.get(fault.file)), fault) for fault in error.faults)


def known_by(settings: Settings) -> Known:
    """Return what the settings alone tell."""
    return Known(kept_days=kept_days(settings.retention), languages=frozenset({settings.language}), sensitive=frozenset(settings.sensitive))


async def known_live(settings: Settings) -> tuple[Known, list[str]]:
    """Return what the store and every Asterisk have now, and what could not be asked, in words."""
    names: dict[str, frozenset[str]] = {}
    missing: list[str] = []
    languages = {settings.language}
    store = open_store(settings.store_url)
    try:
        await store.open()
        names[shape.CAMPAIGN] = await _campaigns(store)
        operators = await store.get_operators()
        names[shape.OPERATOR] = frozenset(operator.operator_id for operator in operators)
        languages |= {operator.language for operator in operators}
    except StoreError as error:
        missing.append(f"the store was not asked for campaigns and operators: {error}")
    finally:
        await store.close()
    try:
        queues = [await _queues(asterisk) for asterisk in settings.asterisk]
    except (LinkError, ProtocolError) as error:
        missing.append(f"Asterisk was not asked for its queues: {error}")
    else:
        if queues:
            names[shape.QUEUE] = frozenset().union(*queues)
        else:
            missing.append("no Asterisk was asked for its queues: the settings name none")
    known = known_by(settings)
    return Known(names, known.kept_days, frozenset(languages), known.sensitive), missing


async def _campaigns(store: Store) -> frozenset[str]:
    keys: list[str] = []
    while page := await store.export(Kind.CAMPAIGNS, (keys[-1],) if keys else (), _PAGE):
        keys += [one.key for one in page if isinstance(one, Campaign)]
    return frozenset(keys)


class _Deaf:
    """Hears nothing: the link is asked one question and closed."""

    def heard(self, event: CallEvent) -> None:
        """Let it go."""


async def _queues(asterisk: AsteriskSettings) -> frozenset[str]:
    metrics, rng = AmiMetrics(CollectorRegistry()), random.Random()  # noqa: S311 - spreads waits
    return await AsteriskLink(asterisk, _Deaf(), metrics, lambda: datetime.now(UTC), rng).queue_names()


def _texts(sources: list[tuple[str, bytes]]) -> dict[str, str]:
    return {file: source.decode("utf-8-sig", "replace") for file, source in sources}
