"""Takes the body of a request into a temporary file, piece by piece and within bounds. Knows nothing of what it holds.

A file, because imports read twice; what is small stays in memory. While a piece is written none is read, so a fast sender waits.
"""

from __future__ import annotations

import asyncio
import tempfile
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import IO, TYPE_CHECKING

from aiohttp import ClientPayloadError, web
from aiohttp.http_exceptions import HttpProcessingError

from ctiroute.web.problems import Problem

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from ctiroute.web.limits import WebLimits

_IN_MEMORY = 1024 * 1024  # bytes
_GZIP = b"\x1f\x8b"


@asynccontextmanager
async def received(request: web.Request, limits: WebLimits) -> AsyncIterator[IO[bytes]]:
    """Give the whole body as a file, unpacked as its Content-Encoding says. Raises `Problem` 400, 408, 413 or 415."""
    if request.content_length is not None and request.content_length > limits.import_bytes:
        raise _too_large(limits)
    with tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY) as file:
        try:
            async with asyncio.timeout(limits.import_s):
                size = await _receive(request, file, limits)
        except TimeoutError:
            raise Problem(HTTPStatus.REQUEST_TIMEOUT, "slow-body", "The body took too long.") from None
        except (ClientPayloadError, HttpProcessingError, web.RequestPayloadError):
            raise Problem(HTTPStatus.BAD_REQUEST, "bad-body", "The body is not what its Content-Encoding says, or was cut off.") from None
        file.seek(0)
        if size and file.read(len(_GZIP)) == _GZIP:
            raise Problem(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "packed", "The body is packed: say so with Content-Encoding: gzip.")
        file.seek(0)
        yield file


async def _receive(request: web.Request, file: IO[bytes], limits: WebLimits) -> int:
    size = 0
    while True:
        async with asyncio.timeout(limits.import_idle_s):
            piece = await request.content.readany()
        if not piece:
            return size
        size += len(piece)  # unpacked, so that a small body cannot become a large one here
        if size > limits.import_bytes:
            raise _too_large(limits)
        if size > _IN_MEMORY:
            await asyncio.to_thread(file.write, piece)
        else:
            file.write(piece)


def _too_large(limits: WebLimits) -> Problem:
    return Problem(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        "request-entity-too-large",
        f"The body is over {limits.import_bytes // 1024 // 1024} MiB unpacked; send it in parts.",
    )
