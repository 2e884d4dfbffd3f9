"""`ctiroute rules shadow`: what rules on trial would have done otherwise, as all nodes told it."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING

import msgspec

from ctiroute.app.shadow_told import gathered
from ctiroute.cli.loop import run
from ctiroute.cli.output import EXIT_NO, EXIT_OK, add_config, counted, out, settings_of
from ctiroute.errors import StoreError
from ctiroute.store import open_store

if TYPE_CHECKING:
    import argparse

    from ctiroute.cli.output import Commands
    from ctiroute.model import ShadowReport
    from ctiroute.web.api.rules_found import Trial


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


def _shadow(arguments: argparse.Namespace) -> int:
    trials = gathered(run(_reports(settings_of(arguments).store_url)))
    shown = trials if arguments.all else trials[:1]
    if arguments.json:
        print(json.dumps({"trials": msgspec.to_builtins(shown)}, ensure_ascii=False))
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


def _say(trial: Trial) -> None:
    asked = sum(trial.calls.values())
    span = f"{trial.since:%Y-%m-%d %H:%M} to {trial.until:%Y-%m-%d %H:%M} UTC"
    _print(f"rules {trial.candidate or '(none yet)'} on trial beside {trial.live or '(no call yet)'}, {span}", style="bold")
    for fault in trial.faults:
        _print(f"  cannot be used: {fault}", style="red")
    _print(
        f"  {counted(asked, 'call')}: "
        + (", ".join(f"{count:,} {what}" for what, count in Counter(trial.calls).most_common()) or "none yet")
    )
    for pair in trial.pairs:
        kinds = ", ".join(f"{count:,} {kind}" for kind, count in pair.kinds.items())
        _print(f"\n  {pair.live} -> {pair.candidate}: {kinds}", style="bold")
        for sample, before, after in pair.samples:
            _print(f"    {sample.at:%Y-%m-%d %H:%M:%S}  {sample.caller:14}  {before} -> {after}  {sample.call_id}", style="dim")


def _print(text: str, style: str | None = None) -> None:
    out.print(text, style=style, markup=False, soft_wrap=True)
