"""`ctiroute report campaign KEY`: what became of a campaign."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from ctiroute.app.service import utc_now
from ctiroute.cli.loop import run
from ctiroute.cli.output import EXIT_NO, EXIT_OK, add_config, complain, out, settings_of
from ctiroute.cli.report_words import as_json, as_svg, lines
from ctiroute.cli.since import moment, span
from ctiroute.store import open_store
from ctiroute.web.api.report_csv import as_csv

if TYPE_CHECKING:
    import argparse

    from ctiroute.cli.output import Commands
    from ctiroute.model import CampaignReport
    from ctiroute.settings import Settings


def add(commands: Commands) -> None:
    """Add the command."""
    parser = commands.add_parser("report", help="see what became of a campaign", description="Numbers on what was sent and who called.")
    kinds = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    campaign = kinds.add_parser(
        "campaign",
        help="touches, calls, answers, waits, outcomes",
        description="Counts what was sent of a campaign and the calls that followed: answered, past the menu, waits, outcomes, codes, "
        "and how soon after the touch they came. Exit code 1: there is no such campaign.",
        epilog="example: ctiroute report campaign autumn-sms --since 7d --window 24h",
    )
    add_config(campaign)
    campaign.add_argument("key", metavar="KEY", help="the campaign's key, as rules name it")
    campaign.add_argument("--since", type=moment, default=timedelta(days=30), help="touches sent since then: 7d, 2026-03-01 (default: 30d)")
    campaign.add_argument("--until", type=moment, default=timedelta(0), help="and before then (default: now)")
    campaign.add_argument("--window", type=span, default=timedelta(hours=24), help="calls so soon after their touch (default: 24h)")
    form = campaign.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print one JSON object")
    form.add_argument("--csv", action="store_true", help="print CSV, safe to open in a spreadsheet")
    campaign.add_argument("--svg", type=Path, metavar="FILE", help="write the plot as a picture")
    campaign.set_defaults(run=_campaign)


def _campaign(arguments: argparse.Namespace) -> int:
    now = utc_now()
    since, until = _at(arguments.since, now), _at(arguments.until, now)
    report = run(_read(settings_of(arguments), arguments.key, since, until, arguments.window))
    if report is None:
        complain(f"there is no campaign {arguments.key!r}")
        return EXIT_NO
    if arguments.svg is not None:
        arguments.svg.write_text(as_svg(report), encoding="utf-8")
    if arguments.json:
        print(json.dumps(as_json(report), ensure_ascii=False))
    elif arguments.csv:
        print(as_csv(report), end="")
    else:
        for line in lines(report):
            out.print(line, markup=False, soft_wrap=True)
    return EXIT_OK


def _at(value: datetime | timedelta, now: datetime) -> datetime:
    return now - value if isinstance(value, timedelta) else value


async def _read(settings: Settings, key: str, since: datetime, until: datetime, window: timedelta) -> CampaignReport | None:
    store = open_store(settings.store_url)
    await store.open()
    try:
        return await store.campaign_report(key, since, until, window)
    finally:
        await store.close()
