"""docs/reference/commands.md, made from the parser: `python -m ctiroute.cli.reference > docs/reference/commands.md`.

Writes its own form in place of argparse's help, which differs from one Python to the next and by the width of the terminal.
"""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from ctiroute.cli import build_parser

if TYPE_CHECKING:
    from collections.abc import Iterator

_HEAD = """\
# Commands

Made from the program's own help by `python -m ctiroute.cli.reference > docs/reference/commands.md`; `ctiroute COMMAND --help` says
the same.

Answers go to standard output, messages to standard error. Exit code 0: done. 1: the answer is no (a check found mistakes, a caller was
not answered, the store could not be reached). 2: the command line or the settings are wrong; every mistake is named with its place.
"""


def reference() -> str:
    """Return the page."""
    return "\n".join([_HEAD, *(line for prog, parser in leaves(build_parser(), "ctiroute") for line in _section(prog, parser))])


def leaves(parser: argparse.ArgumentParser, prog: str) -> Iterator[tuple[str, argparse.ArgumentParser]]:
    """Yield all commands that do something, as they are typed, with their parsers, in the order of the help."""
    below = subcommands(parser)
    if not below:
        yield prog, parser
    for name, each in below.items():
        yield from leaves(each, f"{prog} {name}")


def subcommands(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    """Return the parsers one level down, by name."""
    for action in arguments(parser):
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001 - argparse gives no public way to walk a parser
            return dict(action.choices)
    return {}


def arguments(parser: argparse.ArgumentParser) -> list[argparse.Action]:
    """Return what a parser takes, without --help and without what its help hides."""
    actions = parser._actions  # noqa: SLF001 - the same
    return [action for action in actions if not isinstance(action, argparse._HelpAction) and action.help != argparse.SUPPRESS]  # noqa: SLF001


def _section(prog: str, parser: argparse.ArgumentParser) -> Iterator[str]:
    taken = arguments(parser)
    usage = " ".join([prog, *(_usage(action) for action in taken)])
    yield from (f"## {prog}", "", _plain(parser.description or ""), "", "```text", usage, "```", "")
    if taken:
        yield from ("| argument | meaning |", "|---|---|")
        yield from (f"| `{_name(action)}` | {_meaning(action, prog)} |" for action in taken)
        yield ""
    if parser.epilog:
        yield from (_plain(parser.epilog), "")


def _usage(action: argparse.Action) -> str:
    if not action.option_strings:
        return f"[{_value(action)}]" if action.nargs in {"?", "*"} else _value(action)
    spelled = " ".join([action.option_strings[0], *([_value(action)] if action.nargs != 0 else [])])
    return spelled if action.required else f"[{spelled}]"


def _name(action: argparse.Action) -> str:
    value = f" {_value(action)}" if action.nargs != 0 else ""
    return ", ".join(f"{option}{value}" for option in action.option_strings) or _value(action)


def _value(action: argparse.Action) -> str:
    if action.metavar is not None:
        return action.metavar if isinstance(action.metavar, str) else " ".join(action.metavar)
    if action.choices is not None:
        return "{" + ",".join(map(str, action.choices)) + "}"
    return action.dest.upper() if action.option_strings else action.dest


def _meaning(action: argparse.Action, prog: str) -> str:
    text = (action.help or "") % {**vars(action), "prog": prog}  # as argparse does: %(default)s
    return _plain(text).replace("|", "\\|")


def _plain(text: str) -> str:
    """Return help as Markdown: what looks like a tag or an emphasis is meant as it stands."""
    return text.replace("<", "&lt;").replace("*", "\\*").strip()


if __name__ == "__main__":
    sys.stdout.write(reference())
