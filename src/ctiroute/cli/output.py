"""What commands say, and how: messages on standard error, answers on standard output, colour on a terminal only."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from ctiroute.settings import load_settings

if TYPE_CHECKING:
    import argparse

    from ctiroute.settings import Settings

    Commands = argparse._SubParsersAction[argparse.ArgumentParser]  # noqa: SLF001 - argparse gives its return type no public name

EXIT_OK, EXIT_NO, EXIT_USAGE = 0, 1, 2
STANDARD_FILE = Path("/etc/ctiroute/ctiroute.yml")

out = Console(highlight=False)
err = Console(stderr=True, highlight=False)


def complain(message: str) -> None:
    """Say what is wrong, on standard error."""
    err.print("error:", message, style=None, markup=False, soft_wrap=True)


def add_config(parser: argparse.ArgumentParser) -> None:
    """Give a command the option that names ctiroute.yml."""
    parser.add_argument(
        "-c", "--config", type=Path, metavar="FILE", help=f"settings (default: {STANDARD_FILE} when it is there, else built-in defaults)"
    )


def settings_of(arguments: argparse.Namespace) -> Settings:
    """Return the settings a command was started with."""
    path: Path | None = arguments.config
    if path is None and STANDARD_FILE.exists():
        path = STANDARD_FILE
    return load_settings(path, os.environ)


def is_terminal() -> bool:
    """Say whether a person reads the output."""
    return sys.stdout.isatty()
