"""Versions of the rules that are kept: which one is meant, what is different between two, and going back. Knows no screens or addresses."""

from __future__ import annotations

import asyncio
import difflib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ctiroute.app.rule_files import read_with_texts
from ctiroute.app.rule_rollback import Swap, plan_swap, swap_in, version_there
from ctiroute.model import RulesVersion

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from ctiroute.store.base import Store

SHORTEST = 4  # digits by which a version may be named
MAX_VERSIONS = 1000  # more than are kept
_LINES = 4000  # of the part that differs; comparing more takes seconds, which calls would feel
NOW = "now"


@dataclass(frozen=True, slots=True)
class Rollback:
    """What going back means: from what to what, and for which files."""

    before: str | None  # version in the folder before; None: no rules, or none that are kept
    after: RulesVersion
    swap: Swap


class UnknownVersion(LookupError):  # noqa: N818 - reads as what it is
    """No version that is kept was meant; the message says so."""


async def find(store: Store, named: str) -> RulesVersion:
    """Return the version that a text names, in whole or by its first digits, with its files. Raises `UnknownVersion`."""
    used = await store.get_rules_versions(MAX_VERSIONS)
    meant = {each.version for each in used if each.version.startswith(named)} if len(named) >= SHORTEST else set()
    if len(meant) != 1:
        raise UnknownVersion(f"{named!r} names {'several versions' if meant else 'no version that is kept'}: `ctiroute rules versions`")
    found = await store.get_rules_version(meant.pop())
    if found is None:
        raise UnknownVersion(f"{named!r} has just been forgotten")
    return found


async def before(store: Store, version: str) -> RulesVersion | None:
    """Return what was in use before the latest use of a version, with its files; None when nothing is known to have been."""
    used = await store.get_rules_versions(MAX_VERSIONS)
    at = next((index for index, each in enumerate(used) if each.version == version), len(used))
    earlier = next((each for each in used[at + 1 :] if each.version != version), None)
    return None if earlier is None else await store.get_rules_version(earlier.version)


async def to_go_back_to(store: Store, there: str | None) -> RulesVersion:
    """Return the version that somebody means who names none: the last that was in use and is not what is in the folder now."""
    for each in await store.get_rules_versions(MAX_VERSIONS):
        if each.version != there and (found := await store.get_rules_version(each.version)) is not None:
            return found
    raise UnknownVersion("no earlier version is kept: one is, from the time on when the service first used other rules")


async def plan(store: Store, path: Path, named: str | None) -> Rollback:
    """Return what going back would do. Raises `UnknownVersion`, `ConfigurationError` or `OSError`."""
    there = await asyncio.to_thread(version_there, path)
    after = await find(store, named) if named is not None else await to_go_back_to(store, there)
    swap = await asyncio.to_thread(plan_swap, path, after.files)
    return Rollback(await kept(store, there), after, swap)


async def go_back(store: Store, path: Path, planned: Rollback, now: datetime, note: Callable[[str], None] = lambda _: None) -> Rollback:
    """Put the version in place; `note` is told its name just before. Raises as `plan` does.

    What is in the folder and is no version that is kept (a bad save, say) is saved beside, and the result says where.
    """
    there = await asyncio.to_thread(version_there, path)
    before = await kept(store, there)
    note(planned.after.version)
    stamp = f"{now:%Y%m%dT%H%M%SZ}"
    swap = await asyncio.to_thread(swap_in, path, planned.after.files, is_kept=before is not None, stamp=stamp)
    return replace(planned, before=before, swap=swap)


async def kept(store: Store, version: str | None) -> str | None:
    """Return a version that can be gone back to, or None."""
    return version if version is not None and await store.get_rules_version(version) is not None else None


def texts_now(path: Path) -> Mapping[str, str]:
    """Return what the files in the folder say. Raises `ConfigurationError` when they are no rules."""
    return read_with_texts(path).texts


def diff(old: Mapping[str, str], new: Mapping[str, str], old_name: str = "a", new_name: str = "b") -> str:
    """Return a unified diff of all files that are not the same; "" when all are."""
    parts = []
    for name in sorted(old.keys() | new.keys()):
        a, b = old.get(name), new.get(name)
        if a != b:
            parts += _file_diff(
                _lines(a), _lines(b), "/dev/null" if a is None else f"{old_name}/{name}", "/dev/null" if b is None else f"{new_name}/{name}"
            )
    return "".join(parts)


def _lines(text: str | None) -> list[str]:
    lines = [] if text is None else text.splitlines(keepends=True)
    if lines and not lines[-1].endswith("\n"):
        lines[-1] += "\n\\ No newline at end of file\n"
    return lines


def _file_diff(a: Sequence[str], b: Sequence[str], from_file: str, to_file: str) -> list[str]:
    start = _same(a, b)
    end = _same(a[start:][::-1], b[start:][::-1])
    gone, come = len(a) - start - end, len(b) - start - end
    if max(gone, come) > _LINES:
        said = f"@@ from line {start + 1} on: {gone} lines became {come}, too many to be compared @@\n"
        return [f"--- {from_file}\n", f"+++ {to_file}\n", said]
    return list(difflib.unified_diff(a, b, from_file, to_file))


def _same(a: Sequence[str], b: Sequence[str]) -> int:
    """Return how many lines are the same from the beginning on."""
    return next((index for index, (one, other) in enumerate(zip(a, b, strict=False)) if one != other), min(len(a), len(b)))
