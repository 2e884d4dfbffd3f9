"""`ctiroute trace LINKEDID`: what happened to one call, and why it went where it went."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from rich.text import Text

from ctiroute.app.rule_explain import call_ids, trace_call
from ctiroute.cli.explained import as_json
from ctiroute.cli.loop import run
from ctiroute.cli.output import EXIT_NO, EXIT_OK, add_config, complain, out, settings_of
from ctiroute.cli.rule_explain import FROM_CALL, say

if TYPE_CHECKING:
    import argparse
    from datetime import tzinfo

    from ctiroute.app.rule_explain import Explanation
    from ctiroute.cli.output import Commands
    from ctiroute.model import CallRecord


def add(commands: Commands) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "trace",
        help="show what happened to a call and why",
        description="Shows what is kept of a call: when it came, what was decided and how fast, who talked, how it ended; then every rule "
        "with what it saw at that time. LINKEDID is Asterisk's, as in its CDRs and logs, or a whole call id like asterisk:1790000000.7.",
        epilog="Exit code 1: nothing is kept of such a call.",
    )
    add_config(parser)
    parser.add_argument("linkedid", metavar="LINKEDID", help="Asterisk's Linkedid, or a call id")
    parser.add_argument("--rules", type=Path, metavar="PATH", help="other rules than those of the settings")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(run=_trace)


def _trace(arguments: argparse.Namespace) -> int:
    settings = settings_of(arguments)
    names = call_ids(settings, arguments.linkedid)
    traced = run(trace_call(settings, arguments.rules or settings.rules, names))
    if traced is None:
        complain(f"nothing is kept of {' or '.join(names)}")
        return EXIT_NO
    record, explained = traced
    if explained is None:
        _record(record, None)
        complain("why it went there is not known: we did not decide it, or what was known then is older than the settings keep")
        return EXIT_NO
    if arguments.json:
        print(json.dumps({"call": _plain(record), **as_json(explained, FROM_CALL)}, ensure_ascii=False))
        return EXIT_OK
    _record(record, explained)
    return say(explained, FROM_CALL, as_object=False)


def _plain(record: CallRecord) -> dict[str, object]:
    """Return the record as JSON holds it, without the snapshot: what was in it is explained beside it."""
    plain = asdict(replace(record, snapshot=None))
    del plain["snapshot"]
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in plain.items()}


def _record(record: CallRecord, explained: Explanation | None) -> None:
    """Say what happened, one fact a line."""
    zone = explained.ruleset.zone if explained is not None else None
    facts = {
        "call": record.call_id,
        "came": _moment(record.received_at, zone),
        "decided": _decided(record),
        "queue": record.queue,
        "answered": _moment(record.answered_at, zone),
        "operator": record.operator_id,
        "ended": _moment(record.ended_at, zone),
        "outcome": record.outcome.value if record.outcome is not None else None,
    }
    for name, value in facts.items():
        if value:
            out.print(Text(f"{name + ':':10}{value}"), soft_wrap=True)
    out.print()


def _decided(record: CallRecord) -> str:
    if record.status is None:
        return ""
    took = f", in {record.decision_ms:.1f} ms" if record.decision_ms is not None else ""
    return f"{record.status.value}{f' by {record.rule}' if record.rule else ''}{took}"


def _moment(at: datetime | None, zone: tzinfo | None) -> str:
    if at is None:
        return ""
    local = at.astimezone(zone) if zone is not None else at
    return f"{local:%a %Y-%m-%d %H:%M:%S} {local.tzinfo}"
