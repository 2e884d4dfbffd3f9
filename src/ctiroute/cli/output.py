"""What commands say, and how: messages on standard error, answers on standard output, colour on a terminal only."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from ctiroute.settings import load_settings

if TYPE_CHECKING:
    from ctiroute.settings import Settings

    Commands = argparse._SubParsersAction[argparse.ArgumentParser]  # noqa: SLF001 - argparse gives its return type no public name

MAX_PORT = 65_535
EXIT_OK, EXIT_NO, EXIT_USAGE = 0, 1, 2
STANDARD_FILE = Path("/etc/ctiroute/ctiroute.yml")

out = Console(highlight=False)
err = Console(stderr=True, highlight=False)


def complain(message: str) -> None:
    """Say what is wrong, on standard error."""
    err.print("error:", message, style=None, markup=False, soft_wrap=True)


def warn(message: str) -> None:
    """Say what is not as it should be, though the command goes on."""
    err.print("warning:", message, style=None, markup=False, soft_wrap=True)


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


def place_of(url: str) -> str:
    """Return where a URL leads, without how to get in: neither user and password nor parameters, which may hold one too."""
    scheme, colon, rest = url.partition("://")
    start, _, parameters = rest.partition("?")
    hosts, slash, path = start.rpartition("@")[2].partition("/")
    ports = (host.rpartition("]")[2].partition(":")[2] for host in hosts.split(","))
    if "@" in parameters or not all(port.isdigit() or not port for port in ports):
        return f"{scheme}{colon}•••"  # cut at a character that belongs to a password
    return f"{scheme}{colon}{hosts}{slash}{path}"


def counted(count: int, noun: str) -> str:
    """Return a number with its noun: "1 row", "1,204 rows"."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def port(text: str) -> int:
    """Read a port from the command line; 0 takes any that is free."""
    if not (text.isascii() and text.isdigit() and int(text) <= MAX_PORT):
        raise argparse.ArgumentTypeError(f"{text!r} is no port: write a number from 0 to {MAX_PORT}")
    return int(text)
