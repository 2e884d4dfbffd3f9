"""`ctiroute call`: ask the running service, as Asterisk would, what becomes of a call; show the decision and why."""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import asdict
from typing import TYPE_CHECKING

from ctiroute.app.call_files import from_bytes
from ctiroute.cli.loop import run
from ctiroute.cli.output import EXIT_NO, EXIT_OK, add_config, complain, out, settings_of
from ctiroute.errors import StoreError
from ctiroute.lab.agi import run_agi
from ctiroute.lab.channels import Channel
from ctiroute.model import TRIAL
from ctiroute.store import open_store

if TYPE_CHECKING:
    import argparse

    from ctiroute.app.call_files import CallFile
    from ctiroute.cli.output import Commands
    from ctiroute.lab.agi import AgiResult
    from ctiroute.settings import Settings

_TRACE_WAIT_S = 2.0  # the service records a call within a tenth of a second of deciding it
_POLL_S = 0.05


def add(commands: Commands) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "call",
        help="ask the running service what it would do with a call",
        description="Asks the service that runs with these settings over FastAGI, as Asterisk would, and prints the decision, every rule "
        "tried with the value it saw, and the time it took. No phone rings, and the trial does not count as a call of the caller.",
        epilog="example: ctiroute call --from +380671234567 --to 0800500500. Exit code 1: no answer in time.",
    )
    add_config(parser)
    parser.add_argument("--from", dest="caller", required=True, metavar="NUMBER", help="the caller's number; anonymous works, too")
    parser.add_argument("--to", dest="dialed", required=True, metavar="NUMBER", help="the number that is dialled")
    parser.add_argument("--name", default="", help="the caller's name as the network sends it")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(run=_call)


def _call(arguments: argparse.Namespace) -> int:
    result, file = run(_ask(settings_of(arguments), arguments.caller, arguments.dialed, arguments.name))
    answered = bool(result.variables.get("CTI_STATUS"))
    if arguments.json:
        rules = [asdict(rule) for rule in file.rules] if file is not None else []
        print(
            json.dumps(
                {"answered": answered, "variables": result.variables, "took_ms": round(result.took_ms, 1), "rules": rules},
                ensure_ascii=False,
            )
        )
        return EXIT_OK if answered else EXIT_NO
    if not answered:
        complain(f"no answer: {result.failure or 'the service closed the connection'}; is `ctiroute serve` running with these settings?")
        return EXIT_NO
    for name, value in result.variables.items():
        out.print(f"{name:22} {value}", markup=False)
    if file is not None:
        _print_trace(file)
    out.print(f"{result.took_ms:.1f} ms with connecting", style="dim")
    return EXIT_OK


def _print_trace(file: CallFile) -> None:
    out.print()
    for source in file.context.sources:
        out.print(f"{source.source}: {source.state}, {source.took_ms:.1f} ms {source.detail}", markup=False)
    for rule in file.rules:
        out.print(f"{'✓' if rule.matched else '✗'} {rule.rule}", style="green" if rule.matched else "", markup=False)
        for verdict in rule.verdicts:
            out.print(f"    {verdict.condition}: wants {verdict.wanted}; saw {verdict.seen}", style="dim", markup=False, soft_wrap=True)
    if file.rule is None:
        out.print("no rule took the call: the default way")


async def _ask(settings: Settings, caller: str, dialed: str, name: str) -> tuple[AgiResult, CallFile | None]:
    linkedid = f"trial.{time.time_ns()}"
    channel = Channel(name="Local/trial", uniqueid=linkedid, linkedid=linkedid, number=caller, caller_name=name, exten=dialed)
    fastagi = settings.fastagi
    script = f"route/{fastagi.secret}" if fastagi.secret else "route"
    host = "127.0.0.1" if fastagi.host in {"0.0.0.0", "::"} else fastagi.host
    result = await run_agi(channel, host, fastagi.port, script, (linkedid, TRIAL), dnid=dialed)
    call_id = result.variables.get("CTI_CALL_ID")
    return result, await _file(settings, call_id) if call_id else None


async def _file(settings: Settings, call_id: str) -> CallFile | None:
    """Wait for the service to record the call; without its store (another machine) the decision is shown without its reasons."""
    store = open_store(settings.store_url)
    try:
        await store.open()
        async with asyncio.timeout(_TRACE_WAIT_S):
            while (record := await store.get_call(call_id)) is None or record.snapshot is None:  # noqa: ASYNC110 - see below
                await asyncio.sleep(_POLL_S)  # another process writes it: there is nothing to wait on
        return from_bytes(record.snapshot)
    except (TimeoutError, StoreError):
        return None
    finally:
        await store.close()
