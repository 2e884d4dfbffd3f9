"""`ctiroute reasons`: what has been learnt of why people call."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING

from rich.table import Table

from ctiroute.app.reason_learning import learn, read_curves
from ctiroute.app.service import utc_now
from ctiroute.cli.loop import run
from ctiroute.cli.output import EXIT_NO, EXIT_OK, add_config, complain, out, settings_of
from ctiroute.reasons.grid import WIDTHS_H
from ctiroute.reasons.priors import OWN_H
from ctiroute.rules.words import span_in_words
from ctiroute.store import open_store

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Mapping

    from ctiroute.cli.output import Commands
    from ctiroute.reasons import Curves
    from ctiroute.reasons.curves import Table as Curve
    from ctiroute.settings import Settings

_HALF = 0.5


def add(commands: Commands) -> None:
    """Add the commands."""
    about = "Response curves, learnt from calls as they are kept."
    parser = commands.add_parser("reasons", help="see what was learnt of why people call", description=about)
    kinds = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    learning = kinds.add_parser(
        "learn",
        help="learn now",
        description="Counts calls, touches and operators' answers since it was last done. A running service does so every two minutes.",
    )
    add_config(learning)
    learning.set_defaults(run=_learn)
    show = kinds.add_parser(
        "show",
        help="the curves of campaigns and topics",
        description="Shows how strongly and how soon people answer each campaign and conversation. Exit code 1: nothing is known of KEY.",
        epilog="example: ctiroute reasons show autumn-sms",
    )
    add_config(show)
    show.add_argument("key", nargs="?", metavar="KEY", help="a campaign or a topic: its whole curve")
    show.add_argument("--json", action="store_true", help="print one JSON object")
    show.set_defaults(run=_show)


def _learn(arguments: argparse.Namespace) -> int:
    calls, curves = run(_learnt(settings_of(arguments), now_too=True))
    said = f"{calls:,} calls counted; curves rest on {curves.calls:,.0f}, {curves.confirmed:,.0f} of them with an operator's answer"
    out.print(said, markup=False, soft_wrap=True)
    return EXIT_OK


def _show(arguments: argparse.Namespace) -> int:
    _, curves = run(_learnt(settings_of(arguments), now_too=False))
    found = [line for line in _lines(curves) if arguments.key in {None, line["key"]}]
    if arguments.key is not None and not found:
        complain(f"nothing was learnt of {arguments.key!r} yet: it is taken for one that is usual for its medium")
        return EXIT_NO
    if arguments.json:
        people = {"calls": round(curves.calls, 1), "confirmed": round(curves.confirmed, 1), "base_in_30_days": curves.base * OWN_H}
        print(json.dumps({**people, "curves": found}, ensure_ascii=False))
    elif arguments.key is not None:
        for line in found:
            _print_curve(line)
    else:
        _print_all(curves, found)
    return EXIT_OK


async def _learnt(settings: Settings, *, now_too: bool) -> tuple[int, Curves]:
    store = open_store(settings.store_url)
    await store.open()
    try:
        now = utc_now()
        calls = await learn(store, now) if now_too else 0
        return calls, await read_curves(store, now)
    finally:
        await store.close()


def _lines(curves: Curves) -> Iterator[dict[str, object]]:
    """Yield what is known of each campaign and topic, by name."""
    for kind, tables in (("touch", curves.touches), ("interaction", curves.interactions)):
        for key, media in sorted(tables.items()):
            yield from (_line(kind, key, medium, curve) for medium, curve in sorted(media.items()))


def _line(kind: str, key: str, medium: str, curve: Curve) -> dict[str, object]:
    expected = [rate * width for (rate, _), width in zip(curve, WIDTHS_H, strict=True)]
    half = next(evidence.within_s for _, evidence in curve if evidence.share >= _HALF)
    last = curve[-1][1]
    stretches = [{"within_s": evidence.within_s, "share": evidence.share, "calls_per_hour": rate} for rate, evidence in curve]
    return {
        "kind": kind, "key": key, "medium": medium, "calls": last.calls, "confirmed": last.confirmed,
        "calls_each": sum(expected), "half_within_s": half, "curve": stretches,
    }  # fmt: skip


def _print_all(curves: Curves, found: list[dict[str, object]]) -> None:
    table = Table("campaign or topic", "medium", "calls", "confirmed", "calls of 1,000", "half of them within", box=None)
    for line in found:
        per_thousand = f"{1000 * _number(line['calls_each']):.1f}"
        numbers = f"{line['calls']:,}", f"{line['confirmed']:,}", per_thousand, _span(line["half_within_s"])
        table.add_row(str(line["key"]), str(line["medium"]), *numbers)
    if found:
        out.print(table)
    else:
        out.print("nothing was learnt yet: what is usual for each medium stands in its place", markup=False)
    out.print(f"calls for no known reason: {curves.base * OWN_H:.3f} of a person in 30 days", markup=False)


def _print_curve(line: Mapping[str, object]) -> None:
    title = f"{line['key']}, {line['medium']}: {line['calls']:,} calls"
    table = Table("within", "of those who call", "calls an hour of 1,000", box=None, title=title)
    stretches = line["curve"]
    for stretch in stretches if isinstance(stretches, list) else ():
        table.add_row(_span(stretch["within_s"]), f"{stretch['share']:.1%}", f"{1000 * stretch['calls_per_hour']:.3f}")
    out.print(table)


def _number(value: object) -> float:
    return float(value) if isinstance(value, float | int) else 0.0


def _span(seconds: object) -> str:
    return span_in_words(timedelta(seconds=_number(seconds)))
