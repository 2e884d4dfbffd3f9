"""`ctiroute demo` as a visitor runs it: the installed command, a process of its own, real ports."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import pty
import re
import signal
import socket
import sys
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from collections.abc import Iterator
    from pathlib import Path

END_S = 5.0  # after Ctrl-C
RUN_S = 50.0
# What each call shows: rule, destination, and who rang with which result.
TOLD = [
    ("campaign", "autumn-sms-callers", "queue promo", [("1001", "answered")]),
    ("form", "credit-form-open", "queue credit", [("1001", "answered")]),
    ("stranger", None, "menu main", []),
    ("family", "family-number", "queue reception", [("1001", "answered")]),
    ("retry", "vip", "queue vip", [("1001", "no answer"), ("1002", "answered")]),
    ("transfer", "autumn-sms-callers", "queue promo", [("1002", "answered"), ("1001", "answered")]),
]


async def demo(folder: Path, *arguments: str, stdin: int = asyncio.subprocess.DEVNULL) -> Process:
    """Start the demo; its temporary folder is made in `folder`."""
    return await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "ctiroute.cli", "demo", *arguments),
        stdin=stdin,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "TMPDIR": str(folder), "PYTHONUNBUFFERED": "1"},
    )


async def to_the_end(process: Process) -> tuple[list[dict[str, Any]], str]:
    """Return the JSON lines and what was said on standard error."""
    async with asyncio.timeout(RUN_S):
        out, err = await process.communicate()
    return [json.loads(line) for line in out.decode().splitlines()], err.decode()


def inside(folder: Path) -> list[str]:
    """Return what is in a folder."""
    return [path.name for path in folder.iterdir()]


@pytest.fixture
def taken() -> Iterator[None]:
    """Take the demo's usual ports, unless somebody has them already: either way the demo cannot."""
    with contextlib.ExitStack() as stack:
        for port in (8080, 4573):
            listener = stack.enter_context(socket.socket())
            with contextlib.suppress(OSError):
                listener.bind(("127.0.0.1", port))
                listener.listen()
        yield


async def test_six_calls_tell_their_stories(tmp_path: Path) -> None:
    """Each call goes where its story says, each ring has a pop that is acknowledged, the times are told, and nothing is left behind."""
    process = await demo(tmp_path, "--calls", "6", "--exit", "--json")
    lines, err = await to_the_end(process)
    assert (process.returncode, "Traceback" in err) == (0, False), err
    assert "sign in" not in err
    assert "ticket" not in err
    assert [
        (it["story"], it["rule"], it["destination"], [(ring["extension"], ring["result"]) for ring in it["rings"]]) for it in lines
    ] == TOLD
    for number, line in enumerate(lines, 1):
        assert line["call"] == number
        assert line["status"] == ("routed" if line["rule"] else "default")
        assert 0 < line["decision_ms"] < 1000
        if line["rings"]:
            assert line["acked"] is True
            assert 0 < line["ring_to_pop_ms"] < 500  # a promise, with room for a machine that runs other tests
        else:
            assert (line["acked"], line["ring_to_pop_ms"]) == (None, None)
    assert inside(tmp_path) == []


async def test_taken_ports_are_told_and_others_used(taken: None, tmp_path: Path) -> None:
    """Where another service has the usual ports, the demo says which it uses and works."""
    process = await demo(tmp_path, "--calls", "1", "--exit", "--json")
    lines, err = await to_the_end(process)
    assert process.returncode == 0, err
    assert "port 8080 is taken: screens at " in err
    assert "port 4573 is taken: FastAGI at " in err
    assert [line["acked"] for line in lines] == [True]


async def test_several_at_once_find_ports_of_their_own(tmp_path: Path) -> None:
    """Who tries it in two windows, or beside a colleague, gets two demos and no error."""
    folders = [tmp_path / name for name in ("one", "two", "three")]
    for folder in folders:
        folder.mkdir()
    processes = await asyncio.gather(*(demo(folder, "--calls", "1", "--exit", "--json") for folder in folders))
    ends = await asyncio.gather(*(to_the_end(process) for process in processes))
    assert [process.returncode for process in processes] == [0, 0, 0], [err for _, err in ends]
    assert [line["acked"] for lines, _ in ends for line in lines] == [True, True, True]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 0)])
async def test_ending_it_in_the_middle_leaves_nothing(number: signal.Signals, code: int, tmp_path: Path) -> None:
    """Ctrl-C, or the end of a container, during a call ends it soon, without a traceback and without its temporary folder."""
    process = await demo(tmp_path, "--calls", "6", "--exit", "--json")
    assert process.stdout is not None
    async with asyncio.timeout(RUN_S):
        await process.stdout.readline()
    assert [name.startswith("ctiroute-demo-") for name in inside(tmp_path)] == [True]
    process.send_signal(number)
    try:
        async with asyncio.timeout(END_S):
            _, err = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == code
    assert "Traceback" not in err.decode()
    assert inside(tmp_path) == []


@pytest.fixture
def terminal() -> Iterator[tuple[int, int]]:
    """Open a terminal: where its keys are pressed, and what a program has as its standard input."""
    keys, screen = pty.openpty()
    yield keys, screen
    os.close(keys)
    os.close(screen)


async def told_until(process: Process, pattern: str) -> re.Match[str]:
    """Read standard error until a line matches."""
    assert process.stderr is not None
    async with asyncio.timeout(RUN_S):
        while line := (await process.stderr.readline()).decode():
            if found := re.search(pattern, line):
                return found
    raise AssertionError(f"it ended without a line like {pattern}")


async def test_a_used_link_and_a_lost_session_are_no_dead_end(terminal: tuple[int, int], tmp_path: Path) -> None:
    """On a terminal Enter gives another link each time, and the password that is told signs in."""
    keys, screen = terminal
    process = await demo(tmp_path, "--port", "0", stdin=screen)
    try:
        assert (await told_until(process, r"port 0 is taken|Your screen"))[0] == "Your screen"  # port 0 asks for any
        links = {(await told_until(process, r"#ticket=(\S+)"))[1]}
        url, operator, password = (await told_until(process, r"sign in at (\S+)/ as (\w+) / (\w+)")).groups()
        for _ in range(2):
            os.write(keys, b"\n")
            links.add((await told_until(process, r"#ticket=(\S+)"))[1])
        assert len(links) == 3
        async with aiohttp.ClientSession(headers={"Origin": url, "X-Ctiroute": "1"}) as browser:
            async with browser.post(f"{url}/api/v1/session", json={"operator": operator, "password": password}) as answer:
                assert answer.status == 200
            async with browser.post(f"{url}/api/v1/session/ticket", json={"ticket": links.pop()}) as answer:
                assert answer.status == 200
    finally:
        process.send_signal(signal.SIGINT)
        async with asyncio.timeout(END_S):
            _, err = await process.communicate()
    assert process.returncode == 130
    assert "Traceback" not in err.decode()


async def test_the_link_is_printed_first(tmp_path: Path) -> None:
    """Without --exit the first thing told is where to look, with a ticket that is not in the part of the address that servers see."""
    process = await demo(tmp_path)
    assert process.stderr is not None
    try:
        async with asyncio.timeout(RUN_S):
            told = ""
            while "http://127.0.0.1:" not in told:
                told = (await process.stderr.readline()).decode()
        assert "/#ticket=" in told
    finally:
        process.send_signal(signal.SIGINT)
        async with asyncio.timeout(END_S):
            _, err = await process.communicate()
    assert process.returncode == 130
    assert "Traceback" not in err.decode()
