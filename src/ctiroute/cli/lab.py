"""`ctiroute lab`: the simulated Asterisk of the demo, for authors of rules: calls from a file, against a running service."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from ctiroute.cli.loop import run
from ctiroute.cli.output import EXIT_NO, EXIT_OK, EXIT_USAGE, MAX_PORT, complain, err, out, port
from ctiroute.lab.lab import Lab
from ctiroute.lab.plan import LabConfig
from ctiroute.lab.scenario import Scenario, play, read, tell

if TYPE_CHECKING:
    from ctiroute.cli.output import Commands

_LISTENER_S = 15.0  # the service tries again after a pause when it finds no Asterisk

_EXAMPLE = """\
a scenario:
  phones:
    - {extension: "1001", answer_after: 3}
    - {extension: "1002", answer_after: never}
  queues:
    promo: {phones: ["1002", "1001"], ring: 5}
  calls:
    - {from: "+380671234567", to: "0800500500", name: Iryna}

The service has to listen to this lab in place of an Asterisk; in ctiroute.yml:
  asterisk: [{name: lab, port: 5138, username: ctiroute, secret: ctiroute}]
"""


def add(commands: Commands) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "lab",
        help="play calls from a file against a running service, without a PBX",
        description="Simulates an Asterisk with phones, queues and callers around a running service: real FastAGI and AMI bytes, invented "
        "people. Tells each call's story in two lines. Exit code 1: ctiroute did not answer some call.",
        epilog=_EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("scenario", type=Path, metavar="FILE.yml", help="phones, queues, menus and calls")
    parser.add_argument("--agi", default="127.0.0.1:4573", metavar="HOST:PORT", help="where the service listens (default: 127.0.0.1:4573)")
    parser.add_argument("--agi-secret", default="", help="fastagi.secret of the service")
    parser.add_argument("--ami-port", type=port, default=5138, help="port of the lab's manager interface (default: 5138)")
    parser.add_argument("--speed", type=float, default=1.0, help="10: ten seconds of the story pass in one (default: 1)")
    parser.set_defaults(run=_lab)


def _lab(arguments: argparse.Namespace) -> int:
    path: Path = arguments.scenario
    host, _, agi_port = arguments.agi.rpartition(":")
    if not host or not (agi_port.isascii() and agi_port.isdigit()) or not 0 < int(agi_port) <= MAX_PORT:
        complain(f"--agi wants HOST:PORT, the port from 1 to {MAX_PORT}")
        return EXIT_USAGE
    if arguments.speed <= 0:
        complain("--speed wants a number above 0")
        return EXIT_USAGE
    try:
        written = path.read_text(encoding="utf-8")
    except OSError as error:
        complain(f"{path} cannot be read: {error.strerror or error}")
        return EXIT_USAGE
    except UnicodeDecodeError:
        complain(f"{path} cannot be read: it is no text in UTF-8")
        return EXIT_USAGE
    script = f"route/{arguments.agi_secret}" if arguments.agi_secret else "route"
    base = LabConfig(agi_host=host, agi_port=int(agi_port), agi_script=script, ami_port=arguments.ami_port, speed=arguments.speed)
    return run(_play(read(written, str(path), base)))


async def _play(scenario: Scenario) -> int:
    try:
        async with Lab(scenario.config) as lab:
            err.print(f"manager interface at 127.0.0.1:{lab.ami_port}; waiting for ctiroute to listen", style="dim")
            if not await lab.listener(_LISTENER_S):
                err.print("nobody listens: calls are routed, but no pops will be shown", style="yellow")
            stories = await play(lab, scenario.calls)
    except OSError as error:
        complain(f"the manager interface cannot be opened: {error.strerror or error}; choose another --ami-port")
        return EXIT_NO
    for story in stories:
        for line in tell(story):
            out.print(line, markup=False, soft_wrap=True)
    return EXIT_OK if all(story.status for story in stories) else EXIT_NO
