"""`ctiroute serve`: the service itself."""

from __future__ import annotations

import asyncio
import gc
import logging
import signal
from typing import TYPE_CHECKING

from ctiroute.app.logs import set_up
from ctiroute.app.service import Service
from ctiroute.cli.loop import run
from ctiroute.cli.output import EXIT_NO, EXIT_OK, add_config, complain, settings_of

if TYPE_CHECKING:
    import argparse

    from ctiroute.cli.output import Commands
    from ctiroute.settings import Settings

log = logging.getLogger(__name__)

# A call leaves some 150 objects, most of which live as long as it does. After Python's usual 700, every fifth call would have the
# collector look through them and find no garbage: 17 % of a busy service's CPU, measured, against 7 % and half the p99 with this.
YOUNG_OBJECTS = 15_000


def add(commands: Commands) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "serve",
        help="run the service beside Asterisk",
        description="Answers Asterisk over FastAGI, hears it over AMI, and serves the operators' screens. "
        "SIGHUP reads the rules again; SIGTERM finishes calls in hand and stops.",
    )
    add_config(parser)
    parser.set_defaults(run=_serve)


def _serve(arguments: argparse.Namespace) -> int:
    settings = settings_of(arguments)
    set_up(settings.log_level, settings.log_format, data_dir=settings.data_dir)
    return run(serve(settings))


async def serve(settings: Settings) -> int:
    """Serve until SIGTERM or SIGINT."""
    service = Service(settings)
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    try:
        await service.start()
    except OSError as error:
        complain(f"cannot start: {error.strerror or error}; is another ctiroute running on the same ports?")
        return EXIT_NO
    loop.add_signal_handler(signal.SIGHUP, service.reload)
    log.info(
        "calls at agi://%s:%d/route, screens at http://%s:%d/",
        settings.fastagi.host,
        service.fastagi.port,
        settings.web.host,
        service.web.port,
    )
    _spare_collector()
    await stop.wait()
    log.info("stopping: calls in hand are finished first")
    await service.stop()
    return EXIT_OK


def _spare_collector() -> None:
    """Let the garbage collector leave alone what will never be garbage: modules, rules, phone metadata, some 200,000 objects."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS, *gc.get_threshold()[1:])
