"""`ctiroute rules`: what can be done with rule files. Each command is a file `rule_<name>.py` of its own with `add(actions)`.

Knows nothing of what a command does; this list is all there is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ctiroute.cli import rule_check, rule_explain, rule_replay, rule_schema, rule_shadow, rule_test, rule_versions

if TYPE_CHECKING:
    from ctiroute.cli.output import Commands

COMMANDS = (
    rule_check,
    rule_test,
    rule_explain,
    rule_schema,
    rule_replay,
    rule_shadow,
    rule_versions,
)  # in the order in which the help names them


def add(commands: Commands) -> None:
    """Add the commands."""
    parser = commands.add_parser("rules", help="check rule files", description="Works on rule files without a running service.")
    actions = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for command in COMMANDS:
        command.add(actions)
