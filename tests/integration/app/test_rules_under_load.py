"""The rules change while a hundred calls a second come in through the FastAGI door: each is decided by one version, and in time."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ctiroute.app.call_files import from_bytes
from ctiroute.app.rule_files import compile_texts
from ctiroute.app.rule_rollback import swap_in
from ctiroute.lab.agi import AgiResult, run_agi
from ctiroute.lab.channels import Channel
from tests.unit.app.office import office

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.unit.app.office import Office

A_SECOND = 100  # calls
SWAPS = 8
RULES = 500  # of each version, so that compiling one takes longer than many calls
DEADLINE_MS = 1000  # of the service; later than that Asterisk goes the default way
WAIT_S = 20.0
QUEUED, OTHER = "+380800500500", "+380800500501"


def version_texts(number: int) -> dict[str, str]:
    """Return a version in which every answer bears its number. Either file alone would make a mixture."""
    rules = "".join(
        f"  - name: never-{index}\n    when: {{dialed: '+38044{index:07}'}}\n    then: {{queue: q{number}}}\n" for index in range(RULES)
    )
    then = f"queue: q{number}, priority: {number}, vars: {{FROM: '{number}'}}"
    taken = f"  - name: v{number}\n    when: {{dialed: '{QUEUED}'}}\n    then: {{{then}}}\n"
    return {"a.yml": f"rules:\n{rules}{taken}", "b.yml": f"default: {{menu: m{number}}}\n"}


@dataclass
class Call:
    """One call, and which versions it may be decided by."""

    first: int  # in use when it came
    last: int  # in use when it had its answer
    result: AgiResult

    def numbers(self) -> set[int]:
        """Return every number of a version in the answer."""
        told = {name: value for name, value in self.result.variables.items() if name != "CTI_CALL_ID"}
        said = "{CTI_QUEUE} {CTI_RULE} p{CTI_PRIORITY} x{CTI_X_FROM}" if told.get("CTI_QUEUE") else "{CTI_MENU}"
        return {int(number) for number in re.findall(r"\b[a-z](\d+)\b", said.format(**told))}


class Caller:
    """Calls at a steady pace, whether or not the answers come."""

    def __init__(self, room: Office, numbers: dict[str, int]) -> None:
        self._room = room
        self._numbers = numbers
        self.calls: list[Call] = []
        self.over = False

    def now(self) -> int:
        """Return the number of the version in use."""
        return self._numbers[self._room.service.rules.current().version]

    async def run(self) -> None:
        """Call until it is over, then wait for the answers."""
        loop = asyncio.get_running_loop()
        began, made = loop.time(), 0
        async with asyncio.TaskGroup() as group:
            while not self.over:
                group.create_task(self._call(made), name=f"call {made}")
                made += 1
                await asyncio.sleep(max(0.0, began + made / A_SECOND - loop.time()))

    async def reach(self, more: int) -> None:
        """Wait until so many more calls have been answered."""
        until = len(self.calls) + more
        async with asyncio.timeout(WAIT_S):
            while len(self.calls) < until:  # noqa: ASYNC110 - an event for each call would say no more
                await asyncio.sleep(0.01)

    async def _call(self, number: int) -> None:
        first = self.now()
        channel = Channel(f"PJSIP/trunk-{number:08x}", f"1700000000.{number}", f"1700000000.{number}", number="+380671234567")
        port = self._room.service.fastagi.port
        dialed = QUEUED if number % 2 else OTHER
        result = await run_agi(channel, "127.0.0.1", port, "route", (channel.linkedid,), dnid=dialed)
        self.calls.append(Call(first, self.now(), result))


async def test_no_call_is_decided_by_a_mixture_and_none_is_late(tmp_path: Path) -> None:
    """Eight swaps of two files, and a bad save after each: the answer and the record of each call bear one version, in use meanwhile."""
    folder = tmp_path / "rules"
    folder.mkdir()
    for name, text in version_texts(0).items():
        (folder / name).write_text(text, encoding="utf-8")
    numbers = {compile_texts(version_texts(number)).version: number for number in range(SWAPS + 1)}
    async with office(tmp_path / "data", rules=folder) as room:
        caller = Caller(room, numbers)
        async with asyncio.TaskGroup() as group:
            group.create_task(caller.run(), name="callers")
            for number in range(1, SWAPS + 1):
                await asyncio.to_thread(swap_in, folder, version_texts(number), is_kept=True, stamp="x")
                await until(lambda number=number: caller.now() == number)  # type: ignore[misc]  # mypy knows no default in a lambda
                await caller.reach(15)
                (folder / "b.yml").write_text("default: {menu: m666, queue: [\n", encoding="utf-8")
                await until(lambda: room.metric("ctiroute_rules_good") == 0)
                bad_from = len(caller.calls)
                await caller.reach(15)
                assert all(call.last == number for call in caller.calls[bad_from:])
            caller.over = True
        assert len(caller.calls) >= 2 * 15 * SWAPS
        for call in caller.calls:
            assert call.result.variables.get("CTI_STATUS") in {"routed", "default"}, call.result
            assert call.result.took_ms < DEADLINE_MS
            (number,) = call.numbers()
            assert call.first <= number <= call.last
            record = await room.kept(call.result.variables["CTI_CALL_ID"])
            assert record.snapshot is not None
            file = from_bytes(record.snapshot)
            assert file is not None
            assert numbers[file.ruleset_version] == number
        assert {number for call in caller.calls for number in call.numbers()} == set(range(SWAPS + 1))
        assert room.metric("ctiroute_decisions_total", status="timeout") == 0
        assert room.metric("ctiroute_rules_reloads_total", result="bad") >= SWAPS
        slowest = sorted(call.result.took_ms for call in caller.calls)
        print(f"{len(slowest)} calls, p50 {slowest[len(slowest) // 2]:.1f} ms, slowest {slowest[-1]:.1f} ms")  # noqa: T201 - for who reads it


async def until(condition: Callable[[], bool]) -> None:
    """Wait until something is so."""
    async with asyncio.timeout(WAIT_S):
        while not condition():  # noqa: ASYNC110 - a file's change has no event but the one under test
            await asyncio.sleep(0.005)
