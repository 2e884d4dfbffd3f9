"""A process that parses pieces of a file of touches for the one that imports it: `python -m ctiroute.store.importing.piece_reader`.

What it is told comes on standard input, what it answers goes to standard output, each as a frame: its length in four bytes, and the bytes.
First comes what to parse and the header, then a piece a frame; it ends with its input, so it never outlives the import. Both ends are the
same program: frames are in the quick formats that are good for nothing else.
"""

from __future__ import annotations

import gc
import marshal
import pickle
import sys
from struct import Struct
from typing import IO, TYPE_CHECKING

from ctiroute.store.importing.cutting import read_piece
from ctiroute.store.importing.parsing import Parser
from ctiroute.store.importing.splitting import split
from ctiroute.store.touch_columns import TouchColumns

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ctiroute.store.importing.parsing import Bad, Task
    from ctiroute.store.importing.source import Row
    from ctiroute.store.importing.splitting import Split

LENGTH = Struct("!I")

# What came of a piece: packed touches, bad ones, rows of the file (blank ones among them, and without them), lines. None: it has no end.
Answer = tuple[bytes, list["Bad"], int, int, int] | None


def question(task: Task, header: list[str]) -> bytes:
    """Return the first frame."""
    return framed(pickle.dumps((task, header)))


def framed(content: bytes) -> bytes:
    """Return a frame."""
    return LENGTH.pack(len(content)) + content


def answer(content: bytes) -> Answer:
    """Return what a frame of an answer says."""
    found: Answer = marshal.loads(content)  # noqa: S302 - of our own process
    return found


def check_piece(piece: bytes, task: Task, header: list[str], parser: Parser[TouchColumns]) -> Answer:
    """Parse a piece."""
    rows: Sequence[Row] | Split | None = split(piece, task.form, len(header)) if header else None
    if rows is not None:
        lines = len(rows)
    else:
        found = read_piece(piece, task.form, header)
        if found is None:
            return None
        rows, lines = found
    parser.settle(header)
    checked = parser.check(rows)
    return checked.good.packed(), checked.bad, checked.taken, checked.read, lines


def serve(questions: IO[bytes], answers: IO[bytes]) -> None:
    """Answer until there are no more questions."""
    task, header = pickle.loads(_next(questions))  # noqa: S301 - of our own process
    parser = Parser[TouchColumns](task)
    while piece := _next(questions):
        answers.write(framed(marshal.dumps(check_piece(piece, task, header, parser))))
        answers.flush()


def _next(frames: IO[bytes]) -> bytes:
    """Return what the next frame holds; empty: there is none."""
    head = frames.read(LENGTH.size)
    return frames.read(*LENGTH.unpack(head)) if len(head) == LENGTH.size else b""


if __name__ == "__main__":
    gc.disable()  # rows make no cycles, and looking for some would take a third of the time
    serve(sys.stdin.buffer, sys.stdout.buffer)
