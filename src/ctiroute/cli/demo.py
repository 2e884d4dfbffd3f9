"""`ctiroute demo`: the main job, without a PBX."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import tempfile
import webbrowser
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ctiroute.app.logs import set_up
from ctiroute.cli.loop import run
from ctiroute.cli.output import EXIT_NO, EXIT_OK, EXIT_USAGE, complain, err, out, port
from ctiroute.demo.company import YOU
from ctiroute.demo.show import Demo, Report

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterator

    from ctiroute.cli.output import Commands

_FAST, _AS_LIFE = 8.0, 1.0
_PAUSE_S = 4.0  # of the simulation's seconds, between two calls


def add(commands: Commands) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "demo",
        help="see it work, no PBX needed",
        description="Starts the real service on an embedded store in a temporary folder, with a seeded company and a simulated "
        "Asterisk that speaks real FastAGI and AMI to it. Prints a link to an operator's screen; calls come in every few seconds. "
        "A screen built in beside yours acknowledges the pops and measures their times, so no browser is needed. "
        "Ctrl-C ends it and leaves nothing behind.",
        epilog="For scripts: ctiroute demo --calls 6 --exit --json. Exit code 0: every pop was acknowledged over a websocket.",
    )
    parser.add_argument("--calls", type=int, metavar="N", help="so many calls (default: until Ctrl-C)")
    parser.add_argument("--exit", action="store_true", help="end after the calls; the simulated seconds pass eight times as fast")
    parser.add_argument("--json", action="store_true", help="print one JSON object a call, and nothing else, on standard output")
    parser.add_argument("--open", action="store_true", help="open the link in a browser")
    parser.add_argument("--port", type=port, default=8080, help="port of the screens (default: 8080; another when it is taken)")
    parser.set_defaults(run=_demo)


def _demo(arguments: argparse.Namespace) -> int:
    if arguments.exit and arguments.calls is None:
        complain("--exit needs --calls N")
        return EXIT_USAGE
    if arguments.calls is not None and arguments.calls < 1:
        complain("--calls wants at least one")
        return EXIT_USAGE
    set_up("warning", "text")
    with tempfile.TemporaryDirectory(prefix="ctiroute-demo-") as folder:
        try:
            return run(_show(Path(folder), arguments))
        except asyncio.CancelledError:  # SIGTERM: ended as asked, and nothing is left behind
            return EXIT_OK


async def _show(folder: Path, arguments: argparse.Namespace) -> int:
    task = asyncio.current_task()
    if task is not None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    good = True
    speed = _FAST if arguments.exit else _AS_LIFE
    async with Demo(folder, web_port=arguments.port, agi_port=4573, speed=speed) as demo:
        for what, port in demo.ports.items():
            if demo.wanted[what] not in {0, port}:
                err.print(f"port {demo.wanted[what]} is taken: {what} at {port}", markup=False)
        if not arguments.exit:
            _welcome(demo, open_it=arguments.open)
        with _on_enter(lambda: _print_link(demo.link()), wanted=not arguments.exit):
            async for report in demo.calls(arguments.calls, _PAUSE_S):
                good = good and report.acked is not False
                if arguments.json:
                    print(json.dumps(_as_json(report), ensure_ascii=False), flush=True)
                else:
                    _tell(report)
            if not arguments.exit:
                out.print("No more calls; the screen stays until Ctrl-C.", style="dim")
                await asyncio.Event().wait()
    if not good:
        complain("a pop was not acknowledged by its screen")
    return EXIT_OK if good else EXIT_NO


def _welcome(demo: Demo, *, open_it: bool) -> None:
    link = demo.link()
    again = "; Enter gives another" if sys.stdin.isatty() else ""
    err.print(f"Your screen, signed in (the link works once{again}):")
    _print_link(link)
    err.print(f"or sign in at {demo.url}/ as {YOU} / {demo.password}", markup=False, soft_wrap=True)
    err.print(
        "Calls to the company's number come in every few seconds; a built-in screen measures the pops. Ctrl-C ends the demo.\n", style="dim"
    )
    if open_it:
        webbrowser.open(link)


def _print_link(link: str) -> None:
    err.print(f"  {link}", style="bold cyan", markup=False, soft_wrap=True)


@contextmanager
def _on_enter(act: Callable[[], None], *, wanted: bool) -> Iterator[None]:
    """Do something whenever Enter is pressed, where somebody sits at a terminal."""
    if not wanted or not sys.stdin.isatty():
        yield
        return
    terminal = sys.stdin.fileno()
    loop = asyncio.get_running_loop()

    def pressed() -> None:
        if _in_background(terminal) or not os.read(terminal, 4096):  # Ctrl-D
            loop.remove_reader(terminal)
            return
        act()

    loop.add_reader(terminal, pressed)
    try:
        yield
    finally:
        loop.remove_reader(terminal)


def _in_background(terminal: int) -> bool:
    """Say whether what is typed is meant for another program: reading it would stop us (SIGTTIN)."""
    try:
        return os.tcgetpgrp(terminal) != os.getpgrp()
    except OSError:  # a terminal, but not the one that controls this session
        return False


def _tell(report: Report) -> None:
    call, story = report.call, report.story
    rule = call.variables.get("CTI_RULE") or "no rule"
    decided = f"{call.decision_ms:.1f} ms" if call.decision_ms is not None else call.failure
    out.print(f"{report.number:3}  {story.number} {story.shows}", style="bold", markup=False, soft_wrap=True)
    rings = ", then ".join(f"{ring.extension} {ring.result}" for ring in call.rings)
    pop = "no phone rang, no pop" if report.acked is None else "the pop was NOT acknowledged"
    if report.acked and report.ring_to_pop_ms is not None:
        pop = f"{rings}; pop {report.ring_to_pop_ms:.0f} ms after the ring, acknowledged"
    out.print(f"     {rule} → {report.destination} in {decided}; {pop}", style="dim", markup=False, soft_wrap=True)


def _as_json(report: Report) -> dict[str, object]:
    call = report.call
    return {
        "call": report.number,
        "story": report.story.key,
        "from": report.story.number,
        "rule": call.variables.get("CTI_RULE"),
        "destination": report.destination,
        "status": call.status,
        "decision_ms": None if call.decision_ms is None else round(call.decision_ms, 2),
        "ring_to_pop_ms": None if report.ring_to_pop_ms is None else round(report.ring_to_pop_ms, 2),
        "acked": report.acked,
        "rings": [{"extension": ring.extension, "result": ring.result} for ring in call.rings],
    }
