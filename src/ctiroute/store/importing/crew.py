"""Processes that parse pieces of a file, one for each core. Knows how they are started, asked in turn and ended; not what they do."""

from __future__ import annotations

import asyncio
import sys
from asyncio.subprocess import DEVNULL, PIPE
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

from ctiroute.store.importing import piece_reader

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from collections.abc import AsyncIterator

    from ctiroute.store.importing.parsing import Task
    from ctiroute.store.importing.piece_reader import Answer

_AHEAD = 2  # pieces that a process has: the one it is at, and the next
_BUFFER = 4 * 1024 * 1024  # bytes of answers that may wait here: more than those of `_AHEAD` pieces


class CrewLost(Exception):  # noqa: N818 - reads as what it is
    """A process ended that should not have."""


class Crew:
    """Asked for one piece after another; answers in that order."""

    def __init__(self, processes: list[Process]) -> None:
        self._processes = processes
        self._asked = 0
        self._answered = 0

    @property
    def is_busy(self) -> bool:
        """Whether there is enough to do: take an answer before asking on."""
        return self.waiting >= _AHEAD * len(self._processes)

    @property
    def waiting(self) -> int:
        """Number of answers that are to come."""
        return self._asked - self._answered

    def ask(self, piece: bytes) -> None:
        """Have a piece parsed."""
        _tell(self._processes[self._asked % len(self._processes)], piece_reader.framed(piece))
        self._asked += 1

    async def answer(self) -> Answer:
        """Return the oldest answer that was not taken yet. Raises `CrewLost`."""
        process = self._processes[self._answered % len(self._processes)]
        self._answered += 1
        if process.stdout is None:
            raise AssertionError("a process was started without its pipes")
        try:
            (length,) = piece_reader.LENGTH.unpack(await process.stdout.readexactly(piece_reader.LENGTH.size))
            return piece_reader.answer(await process.stdout.readexactly(length))
        except (asyncio.IncompleteReadError, ConnectionError) as error:
            raise CrewLost from error


@asynccontextmanager
async def crew(size: int, task: Task, header: list[str]) -> AsyncIterator[Crew]:
    """Give processes, and end them. Raises `CrewLost` when there can be none."""
    processes: list[Process] = []
    try:
        for _ in range(size):
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", piece_reader.__name__,
                stdin=PIPE, stdout=PIPE, stderr=DEVNULL, limit=_BUFFER,
                start_new_session=True,  # Ctrl-C is for the one who imports
            )  # fmt: skip
            processes.append(process)
            _tell(process, piece_reader.question(task, header))
        yield Crew(processes)
    except OSError as error:
        raise CrewLost from error
    finally:
        for process in processes:
            with suppress(ProcessLookupError):
                process.kill()
        await asyncio.gather(*(process.communicate() for process in processes), return_exceptions=True)


def _tell(process: Process, frame: bytes) -> None:
    if process.stdin is None:
        raise AssertionError("a process was started without its pipes")
    process.stdin.write(frame)
