"""The bodies of /api/v1/rules. docs and the OpenAPI document are made from these."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec

FileName = Annotated[str, msgspec.Meta(min_length=1, max_length=200, description="Below the folder of the rules, with / between parts.")]
Version = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{4,12}$", description="In whole, or its first digits.")]


class RuleFault(msgspec.Struct, frozen=True):
    """One mistake, or one warning."""

    file: str
    line: int  # 1-based; 0: the whole file
    column: int  # 1-based; 0: the whole line
    message: str
    found: str  # the offending text, shortened
    hint: str  # what to write instead


class RulesInUse(msgspec.Struct, frozen=True):
    """The rules by which calls are decided now."""

    version: str
    rules: list[str]  # names, in order
    faults: list[RuleFault]  # why the files on disk are not these rules; empty: they are
    behind: dict[str, str]  # node -> what it uses in place of the newest rules
    files: dict[str, str]  # name -> text, scripts and lists included


class RulesToCheck(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Files that are in no folder yet."""

    files: Annotated[dict[FileName, str], msgspec.Meta(min_length=1, max_length=1000)]


class RulesChecked(msgspec.Struct, frozen=True):
    """What is wrong with them."""

    ok: bool  # they could be used
    version: str  # that they would have; "" when they are wrong
    rules: list[str]
    faults: list[RuleFault]
    warnings: list[RuleFault]


class UsedVersion(msgspec.Struct, frozen=True):
    """One time that rules came into use."""

    version: str
    used_at: datetime
    how: str  # start | save | signal | api | rollback
    who: str  # owner of the file that was saved last, or name of the API key; "" when nobody can tell
    node: str


class UsedVersions(msgspec.Struct, frozen=True):
    """The rules that came into use, the latest first."""

    versions: list[UsedVersion]


class VersionFiles(msgspec.Struct, frozen=True):
    """One version, whole."""

    version: str
    used_at: datetime
    how: str
    who: str
    node: str
    files: dict[str, str]


class RulesDiff(msgspec.Struct, frozen=True):
    """What changed."""

    before: str  # version; "": nothing was in use before
    after: str
    diff: str  # unified; "": nothing changed


class RollBack(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where to go back to."""

    version: Version | None = None  # None: the last that was in use before
    dry_run: bool = False  # only say what would be done


class RolledBack(msgspec.Struct, frozen=True):
    """What was done, or would be."""

    before: str | None  # version that was in the folder; null: none that is kept
    after: str
    written: list[str]
    removed: list[str]
    saved_to: str | None  # folder with files that no kept version holds; null: there were none
    in_use: bool  # this node decides calls by it now


class RulesToPut(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The files that are to be the rules from now on."""

    files: Annotated[dict[FileName, str], msgspec.Meta(min_length=1, max_length=1000)]
    base: Version | None = None  # the version they were made from: when others came into use meanwhile, nothing is done; null: do not look
    dry_run: bool = False  # only say what would be done


class RulesPut(RolledBack, frozen=True):
    """What was done, or would be."""


class RulesToTest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Rules with the cases that try them (names that end in .test.yml)."""

    files: Annotated[dict[FileName, str], msgspec.Meta(max_length=1000)] = {}  # none: those in the folder of the rules


class RulesToReplay(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Rules that are held against those in use, on calls of the past."""

    files: Annotated[dict[FileName, str], msgspec.Meta(min_length=1, max_length=1000)]
    days: Annotated[float, msgspec.Meta(gt=0, le=3650)] = 7.0  # calls of so many days up to `until`
    until: datetime | None = None  # null: now
    limit: Annotated[int, msgspec.Meta(ge=1, le=200_000)] = 100_000  # calls, the oldest first


class Condition(msgspec.Struct, frozen=True):
    """One condition, and the value it saw."""

    condition: str  # where it stands in the rule
    wanted: str
    seen: str
    matched: bool
    depth: int  # 0: stands in the rule itself


class ExplainedRule(msgspec.Struct, frozen=True):
    """One rule, tried."""

    rule: str
    file: str
    line: int
    standing: str
    verdicts: list[Condition]


class Explained(msgspec.Struct, frozen=True):
    """Where a call would go, and why."""

    version: str
    status: str
    rule: str | None  # that would take it; null: the default
    destination: dict[str, str | int | list[str] | None]
    identity: str  # known | ambiguous | unknown | withheld
    touches: int  # that are known
    interactions: int
    rules: list[ExplainedRule]
