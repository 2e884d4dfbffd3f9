"""Help teaches, and wrong usage is exit code 2."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from ctiroute import __version__
from ctiroute.cli import build_parser
from ctiroute.cli.reference import arguments, leaves, subcommands

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.unit.cli.conftest import Said

COMMANDS = dict(leaves(build_parser(), "ctiroute"))
GROUPS = [name for name, parser in subcommands(build_parser()).items() if subcommands(parser)]


def test_the_first_help_says_where_to_start(ctiroute: Callable[..., Said]) -> None:
    """A newcomer reads three commands, and all of them exist."""
    said = ctiroute("--help")
    assert said.code == 0
    assert "Start here" in said.out
    start = said.out.partition("Start here:")[2].partition("\n\n")[0]
    named = re.findall(r"ctiroute ([a-z]+)", start)
    assert len(named) >= 3
    assert set(named) <= set(subcommands(build_parser()))


def test_version(ctiroute: Callable[..., Said]) -> None:
    """What runs can be asked."""
    said = ctiroute("--version")
    assert (said.code, said.out) == (0, f"ctiroute {__version__}\n")


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_of_a_command_teaches(command: str, ctiroute: Callable[..., Said]) -> None:
    """It says in a sentence what the command does, and each of its options."""
    said = ctiroute(*command.split()[1:], "--help")
    assert said.code == 0
    text = " ".join(said.out.split())
    description = " ".join((COMMANDS[command].description or "").split())
    assert description[:60] in text
    for action in arguments(COMMANDS[command]):
        assert all(option in said.out for option in action.option_strings)


@pytest.mark.parametrize("group", GROUPS)
def test_a_group_without_a_command_names_what_there_is(group: str, ctiroute: Callable[..., Said]) -> None:
    """Exit code 2, and the usage."""
    said = ctiroute(group)
    assert said.code == 2
    assert "usage: " in said.err
    assert said.out == ""


@pytest.mark.parametrize(
    "argv",
    [
        ("demo", "--port", "99999"),
        ("demo", "--port", "-1"),
        ("demo", "--port", "http"),
        ("demo", "--port", "\uff18\uff10"),
        ("lab", "calls.yml", "--ami-port", "65536"),
        ("lab", "calls.yml", "--agi", "127.0.0.1:99999"),
        ("lab", "calls.yml", "--agi", "127.0.0.1:0"),
    ],
)
def test_a_port_that_is_none_is_2(argv: tuple[str, ...], ctiroute: Callable[..., Said]) -> None:
    """Said before anything is opened, with what would be one."""
    said = ctiroute(*argv)
    assert said.code == 2
    assert "65535" in said.err


def test_a_scenario_that_is_not_there_is_2(ctiroute: Callable[..., Said]) -> None:
    """In words and not in error numbers."""
    said = ctiroute("lab", "nofile.yml")
    assert (said.code, said.err) == (2, "error: nofile.yml cannot be read: No such file or directory\n")


def test_help_speaks_of_options_that_are_there(ctiroute: Callable[..., Said]) -> None:
    """A description that names an option names one of the command's own."""
    for command, parser in COMMANDS.items():
        options = {option for action in arguments(parser) for option in action.option_strings}
        named = set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", f"{parser.description} {parser.epilog or ''}"))
        assert named <= options, command


@pytest.mark.parametrize(
    "argv", [(), ("no-such-command",), ("serve", "--no-such-option"), ("rules", "chekc"), ("call", "--from", "+380671234567")]
)
def test_wrong_usage_is_2(argv: tuple[str, ...], ctiroute: Callable[..., Said]) -> None:
    """On standard error, with the usage."""
    said = ctiroute(*argv)
    assert said.code == 2
    assert said.err.startswith("usage: ctiroute")
