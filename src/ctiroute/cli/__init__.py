"""The `ctiroute` command. Each module here adds its commands to the parser and carries them out; the work itself is in other rooms."""

from __future__ import annotations

import argparse
import os
import sys
from importlib import import_module
from typing import TYPE_CHECKING

from ctiroute import __version__
from ctiroute.cli.output import EXIT_NO, EXIT_USAGE, complain
from ctiroute.errors import ConfigurationError, CtirouteError

if TYPE_CHECKING:
    from collections.abc import Sequence

_DESCRIPTION = """\
Routes calls past the menu by what the caller was sent, and shows operators why they call.

Start here:
  ctiroute demo                   see it work, no PBX needed
  ctiroute serve -c ctiroute.yml  run it beside Asterisk
  ctiroute rules check rules/     find every mistake in rule files
"""

# In the order of the help. A command's module has its name, but for one that Python has taken.
_COMMANDS = (
    "demo",
    "serve",
    "rules",
    "connectors",
    "import",
    "customer",
    "call",
    "callback",
    "trace",
    "db",
    "erase",
    "report",
    "reasons",
    "webhook",
    "operator",
    "apikey",
    "lab",
    "config",
)
_MODULES = {"import": "imports"}


def build_parser(command: str = "") -> argparse.ArgumentParser:
    """Return the parser of all commands, or of what one word needs: what the others need takes most of a second to load."""
    parser = argparse.ArgumentParser(prog="ctiroute", description=_DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--version", action="version", version=f"ctiroute {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name in (command,) if command in _COMMANDS else () if command == "--version" else _COMMANDS:
        import_module(f"{__name__}.{_MODULES.get(name, name)}").add(commands)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; return 0 ok, 1 the answer is no, 2 usage or configuration."""
    words = sys.argv[1:] if argv is None else argv
    arguments = build_parser(*words[:1]).parse_args(words)
    try:
        code: int = arguments.run(arguments)
    except ConfigurationError as error:
        for fault in error.faults:
            complain(str(fault))
        return EXIT_USAGE
    except CtirouteError as error:
        complain(str(error))
        return EXIT_NO
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # `ctiroute … | head`: the reader has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_NO
    return code
