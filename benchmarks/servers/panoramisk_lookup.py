"""(d) panoramisk's FastAGI application on uvloop, one look-up in the loop. Prints its port."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import sys

import uvloop
from panoramisk import fast_agi


async def main() -> None:
    """Serve for ever."""
    db = sqlite3.connect(f"file:{sys.argv[1]}?mode=ro", uri=True)

    async def route(request: fast_agi.Request) -> None:
        found = db.execute(sys.argv[2], (request.headers["agi_callerid"],)).fetchone()
        await request.send_command(f'SET VARIABLE CTI_QUEUE "{"promo" if found else "main"}"')

    application = fast_agi.Application()
    application.add_route("route", route)
    server = await asyncio.start_server(application.handler, "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())
