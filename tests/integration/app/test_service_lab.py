"""The whole service with the lab around it, over real sockets: what must hold when something goes wrong."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from ctiroute.demo.company import CAMPAIGN_CALLER, COLLEAGUE, DIALED, OPERATORS, STRANGER, YOU
from ctiroute.demo.show import RULES
from ctiroute.demo.stories import MENUS, PHONES, QUEUES
from ctiroute.lab import Behaviour, Lab, LabConfig
from ctiroute.lab.channels import Event
from ctiroute.model import CallerFacts, Customer, Operator, Outcome
from ctiroute.rules import Needs
from ctiroute.settings import AsteriskSettings, FastAgiSettings
from tests.real.ports import free_port
from tests.unit.app.office import WAIT_S, Office, office

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from ctiroute.app.service import Service
    from ctiroute.lab import LabCall
    from ctiroute.model import CallerQuery

TAKES = Behaviour(answer_after_s=1.0, talk_s=2.0)
SPEED = 20.0


@dataclass
class SlowSource:
    """A source of the company's own that answers when the test lets it."""

    name: str = "crm"
    find_now: None = None
    asked: asyncio.Event = field(default_factory=asyncio.Event)
    go_on: asyncio.Event = field(default_factory=asyncio.Event)
    cancelled: asyncio.Event = field(default_factory=asyncio.Event)
    waiting: int = 0

    async def find_caller(self, query: CallerQuery) -> CallerFacts:
        """Wait for the test."""
        assert query.identifier.value
        self.waiting += 1
        self.asked.set()
        try:
            await self.go_on.wait()
        except asyncio.CancelledError:
            self.cancelled.set()
            raise
        return CallerFacts(customers=(Customer("C-9", "Iryna of the CRM"),))


def with_source(source: SlowSource) -> Callable[[Service], None]:
    """Return what makes a service ask one more source."""

    def change(service: Service) -> None:
        service.router._gatherer.add(source)

    return change


def now() -> datetime:
    """Return the time: the lab's calls happen in it."""
    return datetime.now(UTC)


@dataclass
class Site:
    """A lab with the service beside it."""

    lab: Lab
    room: Office

    async def call(self, number: str = CAMPAIGN_CALLER, **more: object) -> LabCall:
        """Make a call in which the phones are picked up."""
        return await self.lab.call(number, DIALED, script={"1001": TAKES, "1002": TAKES}, **more)  # type: ignore[arg-type]

    def call_id(self, call: LabCall) -> str:
        """Return our id of a call."""
        return f"lab:{call.linkedid}"


@asynccontextmanager
async def site(folder: Path, *, source: SlowSource | None = None, wrong_password: bool = False, **more: Any) -> AsyncIterator[Site]:
    """Start a lab and a service that knows it; unless its password is wrong, wait until the service hears it."""
    port = free_port()
    async with Lab(LabConfig(phones=PHONES, queues=QUEUES, menus=MENUS, agi_port=port, speed=SPEED)) as lab:
        asterisk = AsteriskSettings(
            "lab", port=lab.ami_port, username=lab.config.username, secret="wrong" if wrong_password else lab.config.secret
        )
        change = with_source(source) if source is not None else lambda _: None
        fastagi = FastAgiSettings(port=port)
        async with office(folder, clock=now, asterisk=(asterisk,), fastagi=fastagi, change=change, **more) as room:
            if not wrong_password:
                assert await lab.listener(WAIT_S)
                await until(lambda: not room.service.health())
            yield Site(lab, room)


async def until(condition: Callable[[], object]) -> None:
    """Wait until something is so."""
    async with asyncio.timeout(WAIT_S):
        while not condition():  # noqa: ASYNC110 - most of what is waited for has no event
            await asyncio.sleep(0.002)


def pops(messages: list[dict[str, Any]]) -> list[str]:
    """Return the types of the messages about pops."""
    return [message["type"] for message in messages if message["type"].startswith("pop")]


async def test_a_caller_who_leaves_during_the_look_up(tmp_path: Path) -> None:
    """The look-up is let go of at once, the call is recorded as abandoned, and no screen shows it."""
    source = SlowSource()
    async with site(tmp_path, source=source) as at:
        olena = await at.room.browser(YOU)
        async with asyncio.timeout(WAIT_S):
            call = await at.call(hang_up_in_agi_s=0.2)
            await source.cancelled.wait()
        assert call.outcome == "abandoned"
        await until(lambda: at.room.metric("ctiroute_agi_sessions_total", result="abandoned") == 1)
        record = await at.room.kept(at.call_id(call))
        assert (record.outcome, record.caller_phone, record.status) == (Outcome.ABANDONED, CAMPAIGN_CALLER, None)
        assert pops(await olena.all_so_far()) == []


async def test_a_late_source_reaches_the_screen_of_a_routed_call(tmp_path: Path) -> None:
    """A source that has no answer by the deadline costs neither the decision nor the pop, and fills the pop when it has one."""
    source = SlowSource()
    async with site(tmp_path, source=source, operators=OPERATORS[:1]) as at:
        olena = await at.room.browser(YOU)
        async with asyncio.TaskGroup() as group:
            calling = group.create_task(at.call(), name="the call")
            late = (await olena.until("pop"))["pop"]
            source.go_on.set()
            whole = (await olena.until("pop.update", lambda it: it["pop"]["sources"][1]["state"] == "ok"))["pop"]
        call = calling.result()
        assert {it["source"]: it["state"] for it in late["sources"]} == {"store": "ok", "crm": "late"}
        assert late["headline"] == whole["headline"] == "Calls back about “Autumn instalments”, SMS sent 12 min ago"
        assert [it["customer_id"] for it in late["context"]["identity"]["customers"]] == ["C-1001"]
        assert [it["customer_id"] for it in whole["context"]["identity"]["customers"]] == ["C-1001", "C-9"]
        assert (call.status, call.target) == ("routed", "promo")
        assert call.decision_ms is not None
        assert call.decision_ms < 1100


async def test_a_wrong_password_is_named_and_not_tried_again_soon(tmp_path: Path) -> None:
    """Readiness says that Asterisk refused us and where to look; calls are routed all the while; the next try is half a minute away."""
    async with site(tmp_path, wrong_password=True) as at:
        await until(lambda: "refused the login" in at.room.service.health().get("asterisk lab", ""))
        status, said = await at.room.ready()
        assert status == 503
        assert "check the user name, the secret" in said["faults"]["asterisk lab"]
        assert at.room.metric("ctiroute_links_down") == 1
        call = await at.call(STRANGER)
        assert (call.status, call.way) == ("default", "menu")
        call = await at.call()
        assert (call.status, call.target) == ("routed", "promo")
        assert "login" not in {action for session in at.lab.manager.sessions for action in session.asked}  # no second try meanwhile
        assert at.room.metric("ctiroute_ami_connects_total", pbx="lab", result="refused") == 1


async def test_forged_blocks_show_nothing(tmp_path: Path) -> None:
    """Rings for calls that nobody announced, blocks without their headers, and repeated headers pop on no screen; a real call does."""
    async with site(tmp_path) as at:
        olena, taras = await at.room.browser(YOU), await at.room.browser(COLLEAGUE)
        member = (("Queue", "promo"), ("Interface", "PJSIP/1001"), ("MemberName", "PJSIP/1001"))
        dest = (("DestChannel", "PJSIP/1001-00000001"), ("DestUniqueid", "666.2"), ("DestLinkedid", "666.1"))
        forged = [
            (*member, ("Uniqueid", "666.1"), ("Linkedid", "666.1"), *dest),
            (*member, ("Uniqueid", "666.1"), *dest),
            (*member, ("Uniqueid", "666.1"), ("Linkedid", "666.1"), ("Linkedid", "667.1"), *dest),
            (*member,),
        ]
        for headers in forged:
            at.lab.manager.publish(Event("AgentCalled", "agent", headers))
        await until(lambda: at.room.service.floor._desk.unknown_offers == 1)
        call = await at.call(STRANGER)  # has gone through the same link behind them
        assert call.way == "menu"
        assert pops(await olena.all_so_far()) == pops(await taras.all_so_far()) == []
        reasons = ("mandatory header missing", "repeated header", "behind a cut block")
        assert all(at.room.metric("ctiroute_ami_hostile_blocks_total", pbx="lab", reason=reason) for reason in reasons)
        call = await at.call()
        assert len(call.rings) == 1
        await until(lambda: at.room.metric("ctiroute_pops_total", stage="pushed") == 1)


async def test_two_tabs_both_have_the_pop(tmp_path: Path) -> None:
    """Every tab of an operator has the same pop in the same revisions, and it counts as one."""
    async with site(tmp_path, operators=(OPERATORS[0],)) as at:
        client = await at.room.sign_in(YOU)
        tabs = [await at.room.tab(client), await at.room.tab(client)]
        await at.lab.call(CAMPAIGN_CALLER, DIALED, script={"1001": TAKES, "1002": Behaviour(answer_after_s=None)})
        ends = [await tab.until("pop.close") for tab in tabs]
        assert ends[0] == ends[1]
        assert [pops(tab.got) for tab in tabs] == [["pop", "pop.update", "pop.close"]] * 2
        assert at.room.metric("ctiroute_pops_total", stage="pushed") == 1


SHARED = (OPERATORS[0], Operator("zoia", "Zoia Bila", ("PJSIP/1001",), "1001"))


@pytest.mark.parametrize(
    ("policy", "sees", "told"),
    [("latest", ["zoia"], {YOU: "Zoia Bila"}), ("all", [YOU, "zoia"], {}), ("reject", [YOU], {"zoia": "Olena Koval"})],
)
async def test_two_operators_on_one_phone(tmp_path: Path, policy: str, sees: list[str], told: dict[str, str]) -> None:
    """The policy says whose screen the call is on, and who does not have the phone is told by whom it was taken, at once."""
    async with site(tmp_path, operators=SHARED, same_extension=policy) as at:
        screens = {YOU: await at.room.browser(YOU), "zoia": await at.room.browser("zoia")}
        await at.lab.call(CAMPAIGN_CALLER, DIALED, script={"1001": TAKES, "1002": Behaviour(answer_after_s=None)})
        for operator_id in sees:
            await screens[operator_id].until("pop.close")
        heard = {operator_id: await screen.all_so_far() for operator_id, screen in screens.items()}
        assert [operator_id for operator_id, messages in heard.items() if pops(messages)] == sees
        taken = {who: it["taken_by"] for who, messages in heard.items() for it in messages if it["type"] == "extension"}
        taken |= {who: name for who, messages in heard.items() if (name := messages[0].get("extension_taken_by"))}
        assert taken == told


async def test_a_reload_is_all_or_nothing(tmp_path: Path) -> None:
    """What SIGHUP calls: good files decide the next call; bad ones are refused and change nothing."""
    rules = tmp_path / "rules"
    shutil.copytree(RULES, rules)
    file = next(rules.glob("*.yml"))
    text = file.read_text(encoding="utf-8")
    async with site(tmp_path, rules=rules) as at:
        file.write_text(text.replace("queue: promo", "queue: credit"), encoding="utf-8")
        assert await at.room.service.rules.reload()
        assert (await at.call()).target == "credit"
        file.write_text(text.replace("queue: promo", "queue: [promo]"), encoding="utf-8")
        assert not await at.room.service.rules.reload()
        assert (await at.call()).target == "credit"


async def test_the_script_that_asterisk_starts(tmp_path: Path) -> None:
    """`ctiroute-agi` on real pipes reaches the service over its unix socket, and the call counts and pops as one over FastAGI."""
    async with site(tmp_path) as at:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "ctiroute.connectors.asterisk.stdin_agi", "1700000000.6"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={**os.environ, "CTIROUTE_AGI_SOCKET": str(tmp_path / "agi.sock")},
        )
        environment = Path("tests/data/agi/asterisk-22.10.1-script.agi")
        block = (Path(__file__).parents[3] / environment).read_text(encoding="utf-8").rstrip("\n").splitlines()
        said = "\n".join([line for line in block if not line.startswith(("agi_arg", "agi_callerid:"))])
        lines = f"{said}\nagi_callerid: {CAMPAIGN_CALLER}\nagi_arg_1: 1700000000.6\n\n"
        async with asyncio.timeout(WAIT_S):
            out, err = await process.communicate((lines + "200 result=1\n" * 5).encode())
        assert process.returncode == 0, err.decode()
        assert b"CTI_QUEUE=promo" in out
        assert b"CTI_STATUS=routed" in out
        record = await at.room.kept("lab:1700000000.6")
        assert (record.rule, record.touch_id) == ("autumn-sms-callers", "T-1")
        assert at.room.metric("ctiroute_agi_socket_sessions_total", result="routed") == 1


async def test_stopping_with_fifty_calls_in_hand(tmp_path: Path) -> None:
    """Calls that are being looked up when the stop comes have their answers, every one, and their records are kept."""
    source = SlowSource()
    async with site(tmp_path, source=source) as at:
        async with asyncio.TaskGroup() as group:
            calls = [group.create_task(at.lab.call(f"+38067000{number:04}", DIALED), name=f"call {number}") for number in range(50)]
            await until(lambda: source.waiting == 50)
            stopping = group.create_task(at.room.service.stop(), name="stop")
            await asyncio.sleep(0)
            source.go_on.set()
        assert stopping.done()
        assert [call.result().status for call in calls] == ["default"] * 50
        await at.room.service.store.open()
        kept = [await at.room.service.store.get_call(at.call_id(call.result())) for call in calls]
        assert [record is not None and record.status == "default" for record in kept] == [True] * 50
        await at.room.service.store.close()


async def test_a_queue_with_a_caller_in_it_overflows_into_the_next(tmp_path: Path) -> None:
    """What the switch tells of its queues decides: who comes while one waits goes to `else`, and later it takes calls."""
    rules = tmp_path / "rules.yml"
    rules.write_text("default: {queue: {name: promo, max_waiting: 1, else: {menu: main}}}")
    needs = Needs(queues=frozenset({"promo"}))
    async with site(tmp_path, rules=rules) as at:

        def waiting() -> int:
            return at.room.service.queues.live("lab", needs)[0]["promo"].waiting

        nobody = {"1001": Behaviour(answer_after_s=None), "1002": Behaviour(answer_after_s=None)}
        async with asyncio.TaskGroup() as group:
            first = group.create_task(at.lab.call(STRANGER, DIALED, script=nobody, patience_s=60.0), name="who waits")
            await until(lambda: waiting() == 1)
            second = await at.lab.call(CAMPAIGN_CALLER, DIALED, script=nobody, patience_s=1.0)
        assert (first.result().way, second.way) == ("queue", "menu")
        await until(lambda: waiting() == 0)
        at.lab.manager.drop()
        await until(lambda: at.room.service.queues.live("lab", needs)[0] == {})
        assert (await at.call()).way == "queue"
