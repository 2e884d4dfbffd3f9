"""`ctiroute rules shadow`: what rules on trial would have done otherwise, as all nodes told it."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from ctiroute.app.shadow import SAMPLES, Findings, Pair
from ctiroute.cli.loop import run
from ctiroute.cli.output import EXIT_NO, EXIT_OK, add_config, counted, out, settings_of
from ctiroute.errors import StoreError
from ctiroute.store import open_store

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable

    from ctiroute.cli.output import Commands
    from ctiroute.model import ShadowReport


def add(actions: Commands) -> None:
    """Add the command to those of `rules`."""
    parser = actions.add_parser(
        "shadow",
        help="what rules on trial do differently",
        description="Prints what the rules that `shadow` in the settings names would have done otherwise than those in use, on the calls "
        "since the two met: by pair of rules, with the latest calls of each. All nodes tell the store, every 10 seconds. Exit code 1: "
        "nothing was told yet, or the rules on trial cannot be used.",
    )
    add_config(parser)
    parser.add_argument("--all", action="store_true", help="also what earlier versions did, of the last 30 days")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(run=_shadow)


@dataclass(slots=True)
class Trial:
    """One version of a candidate beside one of the live rules, over all nodes."""

    candidate: str
    live: str
    since: datetime
    until: datetime
    runs: int = 0
    faults: list[str] = field(default_factory=list)  # of runs told of lately
    calls: Counter[str] = field(default_factory=Counter)
    pairs: dict[tuple[str, str], Pair] = field(default_factory=dict)


def _shadow(arguments: argparse.Namespace) -> int:
    trials = gathered(run(_reports(settings_of(arguments).store_url)))
    shown = trials if arguments.all else trials[:1]
    if arguments.json:
        print(json.dumps({"trials": [_as_json(trial) for trial in shown]}, ensure_ascii=False))
    elif not shown:
        out.print("no rules have been on trial: name some with `shadow` in the settings", markup=False)
    for trial in () if arguments.json else shown:
        _say(trial)
    return EXIT_OK if shown and not shown[0].faults else EXIT_NO


async def _reports(url: str) -> list[ShadowReport]:
    store = open_store(url)
    if await store.schema_version() == 0:
        raise StoreError("there is no store at the place the settings name")
    await store.open()
    try:
        return await store.get_shadow_reports()
    finally:
        await store.close()


def gathered(reports: Iterable[ShadowReport]) -> list[Trial]:
    """Return what all runs told, by versions, the latest first. A report that this version cannot read is passed over."""
    trials: dict[tuple[str, str], Trial] = {}
    for report in reports:  # the latest first
        try:
            found = msgspec.json.decode(report.report, type=Findings)
        except msgspec.MsgspecError:
            continue
        trial = trials.setdefault((found.candidate, found.live), Trial(found.candidate, found.live, found.since, report.told_at))
        trial.runs += 1
        trial.since = min(trial.since, found.since)
        trial.faults += [found.fault] if found.fault and found.fault not in trial.faults else []
        trial.calls.update(found.calls)
        for pair in found.pairs:
            names = pair.live, pair.candidate
            before = trial.pairs.get(names)
            if before is not None:
                kinds = dict(Counter(before.kinds) + Counter(pair.kinds))
                samples = sorted((*before.samples, *pair.samples), key=lambda sample: sample[0].at)[-SAMPLES:]
                trial.pairs[names] = Pair(*names, kinds, tuple(samples))
            else:
                trial.pairs[names] = pair
    return list(trials.values())


def _ordered(trial: Trial) -> list[Pair]:
    return sorted(trial.pairs.values(), key=lambda pair: -sum(pair.kinds.values()))


def _as_json(trial: Trial) -> dict[str, object]:
    return {
        "candidate": trial.candidate,
        "live": trial.live,
        "since": trial.since.isoformat(),
        "until": trial.until.isoformat(),
        "runs": trial.runs,
        "faults": trial.faults,
        "calls": dict(trial.calls),
        "pairs": msgspec.to_builtins(_ordered(trial)),
    }


def _say(trial: Trial) -> None:
    asked = sum(trial.calls.values())
    span = f"{trial.since:%Y-%m-%d %H:%M} to {trial.until:%Y-%m-%d %H:%M} UTC"
    _print(f"rules {trial.candidate or '(none yet)'} on trial beside {trial.live or '(no call yet)'}, {span}", style="bold")
    for fault in trial.faults:
        _print(f"  cannot be used: {fault}", style="red")
    _print(f"  {counted(asked, 'call')}: " + (", ".join(f"{count:,} {what}" for what, count in trial.calls.most_common()) or "none yet"))
    for pair in _ordered(trial):
        kinds = ", ".join(f"{count:,} {kind}" for kind, count in pair.kinds.items())
        _print(f"\n  {pair.live} -> {pair.candidate}: {kinds}", style="bold")
        for sample, before, after in pair.samples:
            _print(f"    {sample.at:%Y-%m-%d %H:%M:%S}  {sample.caller:14}  {before} -> {after}  {sample.call_id}", style="dim")


def _print(text: str, style: str | None = None) -> None:
    out.print(text, style=style, markup=False, soft_wrap=True)
