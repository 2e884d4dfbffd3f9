"""panoramisk's FastAGI application on uvloop, one look-up through an asyncpg pool, as a site would write it. Prints its port."""

from __future__ import annotations

import asyncio
import logging
import sys

import asyncpg
import uvloop
from panoramisk import fast_agi


async def main() -> None:
    """Serve for ever."""
    pool = await asyncpg.create_pool(sys.argv[1], min_size=8, max_size=8)

    async def route(request: fast_agi.Request) -> None:
        found = await pool.fetchrow(sys.argv[2], int(request.headers["agi_callerid"]))
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
