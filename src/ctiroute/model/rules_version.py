"""Rules as they were in use: who changed them, when, and what the files said; and which node uses which."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from ctiroute.model.value import Value, field


class RulesVersion(Value, frozen=True):
    """One time that rules came into use. The same rules may do so again, and then stand there twice."""

    version: str  # Ruleset.version
    used_at: datetime  # aware, UTC, by the clock of the node
    who: str  # owner of the file that was saved last, or name of the API key; "" when nobody can tell
    how: str  # what made them come into use: start | save | signal | api | rollback
    node: str  # where they came into use first
    files: Mapping[str, str] = field(default_factory=dict)  # name below the folder of the rules -> text; empty: not asked for


class NodeRules(Value, frozen=True):
    """The rules that a node uses."""

    node: str
    version: str  # Ruleset.version
    since: datetime  # aware, UTC: when they came into use there
    seen_at: datetime  # aware, UTC: when the node said so last
