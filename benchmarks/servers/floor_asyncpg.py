"""The floor with a database: callbacks on uvloop, a task a call, one bare asyncpg look-up of one row, one command. Prints its port.

The quickest way there is to ask PostgreSQL with asyncpg: connections of our own that keep their prepared statement, and no pool, whose
RESET is a second round trip.
"""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING, Any, cast

import asyncpg
import uvloop

if TYPE_CHECKING:
    from asyncpg.prepared_stmt import PreparedStatement

CONNECTIONS = 8
COMMAND = b'EXEC MSet "CTI_CALL_ID=x:1764000000.1,CTI_ACTION=queue,CTI_QUEUE=%b,CTI_PRIORITY=10,CTI_STATUS=routed"\n'
NUMBER = b"agi_callerid: +"


class Statements:
    """Prepared statements, one for each connection, lent to one call at a time."""

    def __init__(self) -> None:
        self.free: asyncio.LifoQueue[PreparedStatement[Any]] = asyncio.LifoQueue()

    async def open(self, url: str, query: str) -> None:
        """Connect and prepare."""
        for _ in range(CONNECTIONS):
            connection = await asyncpg.connect(url)
            self.free.put_nowait(await connection.prepare(query))

    async def find(self, phone: int) -> object:
        """Return the newest touch."""
        statement = await self.free.get()
        try:
            return await statement.fetchrow(phone)
        finally:
            self.free.put_nowait(statement)


class Floor(asyncio.BufferedProtocol):
    """Answers whatever ends in an empty line, after one look-up."""

    tasks: set[asyncio.Task[None]] = set()  # noqa: RUF012 - of the whole process

    def __init__(self, statements: Statements) -> None:
        self.statements = statements
        self.buffer = bytearray(4096)
        self.asked = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way back."""
        self.transport = cast("asyncio.Transport", transport)  # uvloop's is none by inheritance

    def get_buffer(self, sizehint: int) -> bytearray:  # noqa: ARG002 - asyncio's interface
        """Lend the buffer."""
        return self.buffer

    def buffer_updated(self, nbytes: int) -> None:
        """Look up, command, close at the reply."""
        if self.asked:
            self.transport.close()
        elif self.buffer[nbytes - 2 : nbytes] == b"\n\n":
            self.asked = True
            start = self.buffer.index(NUMBER) + len(NUMBER)
            task = asyncio.get_running_loop().create_task(self.answer(int(self.buffer[start : self.buffer.index(b"\n", start)])))
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)

    async def answer(self, phone: int) -> None:
        """Say where to."""
        self.transport.write(COMMAND % (b"promo" if await self.statements.find(phone) else b"main"))


async def main() -> None:
    """Serve for ever."""
    statements = Statements()
    await statements.open(sys.argv[1], sys.argv[2])
    server = await asyncio.get_running_loop().create_server(lambda: Floor(statements), "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())
