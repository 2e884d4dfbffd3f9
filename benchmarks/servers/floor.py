"""(a) The floor: callbacks on uvloop, no parsing, no look-up; one command a call, as ctiroute sends. Prints its port."""

from __future__ import annotations

import asyncio
from typing import cast

import uvloop

COMMAND = b'EXEC MSet "CTI_CALL_ID=x:1764000000.1,CTI_ACTION=queue,CTI_QUEUE=promo,CTI_PRIORITY=10,CTI_STATUS=routed"\n'


class Floor(asyncio.BufferedProtocol):
    """Answers whatever ends in an empty line."""

    def __init__(self) -> None:
        self.buffer = bytearray(4096)
        self.asked = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way back."""
        self.transport = cast("asyncio.Transport", transport)  # uvloop's is none by inheritance

    def get_buffer(self, sizehint: int) -> bytearray:  # noqa: ARG002 - asyncio's interface
        """Lend the buffer."""
        return self.buffer

    def buffer_updated(self, nbytes: int) -> None:
        """Command first, close at its reply."""
        if self.asked:
            self.transport.close()
        elif self.buffer[nbytes - 2 : nbytes] == b"\n\n":
            self.asked = True
            self.transport.write(COMMAND)


async def main() -> None:
    """Serve for ever."""
    server = await asyncio.get_running_loop().create_server(Floor, "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())
