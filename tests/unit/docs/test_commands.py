"""Commands in the pages exist with their options, and the reference of commands is what the parser says."""

from __future__ import annotations

import io
import re
import shlex
from contextlib import redirect_stderr

import pytest

from ctiroute.cli import build_parser
from ctiroute.cli.reference import arguments, leaves, reference, subcommands
from tests.unit.docs.pages import ROOT, blocks, guides, prose

_COMMAND = re.compile(r"^(?:[$#] )?(?:sudo (?:-u \w+ )?)?(?:/\S*/)?ctiroute(?= |$)(?P<rest>.*)$")


def shown() -> list[tuple[str, str]]:
    """Return (place, arguments) of every command line in the pages' blocks."""
    lines = [
        (str(block), line.strip()) for block in blocks("console", "sh", "bash") for line in block.text.replace("\\\n", " ").splitlines()
    ]
    commands = [(place, command["rest"]) for place, line in lines if (command := _COMMAND.match(line))]
    return [(place, re.split(r"\s[|<>]|\s2>|;|&&", rest)[0].strip()) for place, rest in commands]


def mentioned() -> list[tuple[str, str]]:
    """Return (page, arguments) of every command that a sentence names."""
    pages = [*guides(), ROOT / "CONTRIBUTING.md"]
    return [(path.name, rest) for path in pages for rest in re.findall(r"`ctiroute ([a-z][^`\n]*)`", prose(path))]


def test_the_reference_is_up_to_date() -> None:
    """Made anew by: python -m ctiroute.cli.reference > docs/reference/commands.md."""
    page = ROOT / "docs" / "reference" / "commands.md"
    assert page.read_text(encoding="utf-8") == reference(), "run: python -m ctiroute.cli.reference > docs/reference/commands.md"


def test_every_command_and_every_argument_explains_itself() -> None:
    """A line of help each, and a description that says more than the name."""
    mute = [prog for prog, parser in leaves(build_parser(), "ctiroute") if len(parser.description or "") < 20]
    mute += [
        f"{prog} {action.dest}" for prog, parser in leaves(build_parser(), "ctiroute") for action in arguments(parser) if not action.help
    ]
    assert mute == []


@pytest.mark.parametrize(("place", "command"), shown())
def test_every_command_line_in_a_block_is_understood(place: str, command: str) -> None:
    """As the shell would split it; a comment ends it."""
    said, code = io.StringIO(), 0
    try:
        with redirect_stderr(said):
            build_parser().parse_args(shlex.split(command, comments=True))
    except SystemExit as stop:
        code = 0 if stop.code is None else int(stop.code)
    assert code == 0, f"{place}: ctiroute {command}: {said.getvalue()}"


@pytest.mark.parametrize(("page", "command"), mentioned())
def test_every_command_that_a_sentence_names_exists(page: str, command: str) -> None:
    """With every option named beside it; words in capitals and paths stand for something."""
    parser = build_parser()
    words = re.sub(r"[\[\]]", " ", command).split()
    while words and (below := subcommands(parser)):
        if re.fullmatch(r"[A-Z]+", words[0]):
            return
        names = words.pop(0).split("|")
        assert set(names) <= set(below), f"{page} names `ctiroute {command}`"
        parser = below[names[0]]
    options = {option for action in arguments(parser) for option in action.option_strings} | {"-h", "--help"}
    assert {word.partition("=")[0] for word in words if re.match(r"-{1,2}[a-z]", word)} <= options, f"{page} names `ctiroute {command}`"


def test_there_are_commands_to_try() -> None:
    """Empty lists would pass the tests above."""
    assert len(shown()) >= 5
    assert len(mentioned()) >= 5


def test_a_wrong_command_would_be_noticed() -> None:
    """The tests above find what they look for."""
    with pytest.raises(AssertionError):
        test_every_command_line_in_a_block_is_understood("here", "operator add olena --no-such-option")
    with pytest.raises(AssertionError):
        test_every_command_that_a_sentence_names_exists("here", "rules chekc")
