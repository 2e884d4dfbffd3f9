"""Records what a real Asterisk tells the account we ship, one file for each kind of call, for tests that replay it.

Run `python -m tests.real.record` after a new Asterisk release; read the difference before it is committed. The calls are made by SIPp
and by the phones of `softphone.py`; they enter the queues directly, since what the FastAGI peer said leaves no trace in these events.
"""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

from tests.real.asterisk import CTIROUTE, RealAsterisk
from tests.real.sipp import Caller
from tests.real.softphone import SoftPhone, phone

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from tests.real.ami import Ami

    Recipe = Callable[["Stage"], Awaitable[None]]

FOLDER = Path(__file__).resolve().parents[1] / "data" / "ami"
CUSTOMER = "+380671234567"


class Stage:
    """One recording: an Asterisk, three operators' phones, and the account's link."""

    def __init__(self, asterisk: RealAsterisk, ami: Ami, phones: dict[str, SoftPhone]) -> None:
        self.asterisk = asterisk
        self.ami = ami
        self.phones = phones

    @contextlib.asynccontextmanager
    async def call(self, dialed: str) -> AsyncIterator[Caller]:
        """Let the customer call; at the end wait until every channel is gone."""
        async with Caller(self.asterisk, CUSTOMER, dialed, name="Olena Kovalenko") as caller:
            yield caller
            await self.asterisk.no_channels()

    async def admin(self, action: str, **headers: str) -> None:
        """Do with the tests' own account what ctiroute's may not. Raises RuntimeError when refused."""
        async with self.asterisk.ami() as admin:
            response = await admin.act(action, timeout_s=5.0, **headers)
            if response["Response"] != "Success":
                raise RuntimeError(f"{action}: {response}")

    async def channel_of(self, extension: str) -> str:
        """Return the name of this phone's channel."""
        return next(channel.name for channel in await self.asterisk.channels() if channel.name.startswith(f"PJSIP/{extension}-"))


async def queue_answered(stage: Stage) -> None:
    """One member, who answers; the caller hangs up."""
    async with stage.call("queue-solo") as caller:
        leg = await stage.phones["1001"].ringing()
        await leg.answer()
        await stage.ami.wait("AgentConnect")
        await caller.hang_up()


async def queue_member_hangs_up(stage: Stage) -> None:
    """One member, who answers and hangs up."""
    async with stage.call("queue-solo"):
        leg = await stage.phones["1001"].ringing()
        await leg.answer()
        await stage.ami.wait("AgentConnect")
        await leg.hang_up()


async def queue_no_answer_then_next(stage: Stage) -> None:
    """Let it ring out at the first member; the second answers."""
    async with stage.call("queue-pair") as caller:
        await stage.phones["1001"].ringing()
        leg = await stage.phones["1002"].ringing()
        await leg.answer()
        await stage.ami.wait("AgentConnect")
        await caller.hang_up()


async def queue_rejected_then_next(stage: Stage) -> None:
    """Reject it at the first member; the second answers."""
    async with stage.call("queue-pair") as caller:
        (await stage.phones["1001"].ringing()).reject()
        leg = await stage.phones["1002"].ringing()
        await leg.answer()
        await stage.ami.wait("AgentConnect")
        await caller.hang_up()


async def queue_ringall(stage: Stage) -> None:
    """Both ring, the second answers."""
    async with stage.call("queue-ringall") as caller:
        first, second = await stage.phones["1001"].ringing(), await stage.phones["1002"].ringing()
        await second.answer()
        await first.ended()
        await stage.ami.wait("AgentConnect")
        await caller.hang_up()


async def queue_abandoned(stage: Stage) -> None:
    """Give up as the caller while the phone rings."""
    async with stage.call("queue-solo") as caller:
        leg = await stage.phones["1001"].ringing()
        await stage.ami.wait("AgentCalled")
        await caller.hang_up()
        await leg.ended()


async def queue_local_members(stage: Stage) -> None:
    """FreePBX-like members: the first rings out, the second answers."""
    async with stage.call("queue-freepbx") as caller:
        await stage.phones["1001"].ringing()
        leg = await stage.phones["1002"].ringing(8.0)
        await leg.answer()
        await stage.ami.wait("AgentConnect")
        await caller.hang_up()


async def direct_dial(stage: Stage) -> None:
    """Dial() to an operator, who answers."""
    async with stage.call("direct") as caller:
        leg = await stage.phones["1001"].ringing()
        await leg.answer()
        await stage.ami.wait("BridgeEnter", BridgeNumChannels="2")
        await caller.hang_up()


async def direct_dial_rejected(stage: Stage) -> None:
    """Dial() to an operator, who is busy."""
    async with stage.call("direct"):
        (await stage.phones["1001"].ringing()).reject()


async def hold(stage: Stage) -> None:
    """Put the caller on hold and take him back."""
    async with stage.call("queue-solo") as caller:
        leg = await stage.phones["1001"].ringing()
        await leg.answer()
        await stage.ami.wait("AgentConnect")
        await leg.hold()
        await stage.ami.wait("Hold")
        await leg.resume()
        await stage.ami.wait("Unhold")
        await caller.hang_up()


async def blind_transfer_refer(stage: Stage) -> None:
    """Send the caller on with the phone's transfer key (REFER)."""
    async with stage.call("queue-solo") as caller:
        leg = await stage.phones["1001"].ringing()
        await leg.answer()
        await stage.ami.wait("AgentConnect")
        await leg.transfer("1003")
        third = await stage.phones["1003"].ringing()
        await third.answer()
        await stage.ami.wait("BridgeEnter", where=lambda heard: heard["Channel"].startswith("PJSIP/1003-"))
        await caller.hang_up()


async def blind_transfer_to_queue(stage: Stage) -> None:
    """Send the caller on to another queue."""
    async with stage.call("queue-solo") as caller:
        leg = await stage.phones["1001"].ringing()
        await leg.answer()
        await stage.ami.wait("AgentConnect")
        await leg.transfer("queue-ringall")
        second = await stage.phones["1002"].ringing()
        await second.answer()
        await stage.ami.wait("AgentConnect", Queue="ringall")
        await caller.hang_up()


async def blind_transfer_core(stage: Stage) -> None:
    """Asterisk itself sends the caller on (a feature code, or a manager action)."""
    async with stage.call("queue-solo") as caller:
        leg = await stage.phones["1001"].ringing()
        await leg.answer()
        await stage.ami.wait("AgentConnect")
        await stage.admin("BlindTransfer", Channel=await stage.channel_of("1001"), Context="internal-phones", Exten="1003")
        third = await stage.phones["1003"].ringing()
        await third.answer()
        await stage.ami.wait("BridgeEnter", where=lambda heard: heard["Channel"].startswith("PJSIP/1003-"))
        await caller.hang_up()


async def attended_transfer_refer(stage: Stage) -> None:
    """Hold, call a colleague, talk, and join the two (REFER with Replaces): two linked ids meet."""
    async with stage.call("queue-solo") as caller:
        operator = stage.phones["1001"]
        leg = await operator.ringing()
        await leg.answer()
        await stage.ami.wait("AgentConnect")
        await leg.hold()
        consultation = await operator.call("1003")
        third = await stage.phones["1003"].ringing()
        await third.answer()
        await asyncio.wait_for(consultation.answered.wait(), 5)
        await stage.ami.wait("BridgeEnter", where=lambda heard: heard["Channel"].startswith("PJSIP/1003-"))
        await leg.transfer_to(consultation)
        await stage.ami.wait("AttendedTransfer")
        await caller.hang_up()


async def attended_transfer_core(stage: Stage) -> None:
    """Consult by feature code (core atxfer) and leave when the colleague has answered."""
    async with stage.call("queue-solo") as caller:
        leg = await stage.phones["1001"].ringing()
        await leg.answer()
        await stage.ami.wait("AgentConnect")
        await stage.admin("Atxfer", Channel=await stage.channel_of("1001"), Context="internal-phones", Exten="3")
        third = await stage.phones["1003"].ringing()
        await third.answer()
        await stage.ami.wait("BridgeEnter", where=lambda heard: heard["Channel"].startswith("PJSIP/1003-"))
        await leg.hang_up()
        await stage.ami.wait("AttendedTransfer")
        await caller.hang_up()


async def resynchronise(stage: Stage) -> None:
    """Ask for all there is, as a link does that comes up in mid-call: one caller talks, one waits."""
    async with stage.call("queue-solo") as talking:
        leg = await stage.phones["1001"].ringing()
        await leg.answer()
        await stage.ami.wait("AgentConnect")
        async with Caller(stage.asterisk, "+380509876543", "queue-solo") as waiting:
            await stage.ami.wait("QueueCallerJoin", CallerIDNum="+380509876543")
            await stage.ami.list("QueueStatus", complete="QueueStatusComplete")
            await stage.ami.list("CoreShowChannels", complete="CoreShowChannelsComplete")
            await waiting.hang_up()
        await talking.hang_up()


RECIPES: tuple[Recipe, ...] = (
    queue_answered,
    queue_member_hangs_up,
    queue_no_answer_then_next,
    queue_rejected_then_next,
    queue_ringall,
    queue_abandoned,
    queue_local_members,
    direct_dial,
    direct_dial_rejected,
    hold,
    blind_transfer_refer,
    blind_transfer_to_queue,
    blind_transfer_core,
    attended_transfer_refer,
    attended_transfer_core,
    resynchronise,
)


async def record(recipe: Recipe) -> tuple[str, bytes]:
    """Play one recipe on a fresh Asterisk; return its version and everything the account's link said, from the banner on."""
    async with RealAsterisk() as asterisk, contextlib.AsyncExitStack() as stack:
        phones = {number: await stack.enter_async_context(phone(number, asterisk.sip_port)) for number in ("1001", "1002", "1003")}
        for number in phones:
            await asterisk.registered(number)
        version = (await asterisk.cli("core show version")).split()[1].split("+")[0]
        async with asterisk.ami(*CTIROUTE) as ami:
            await recipe(Stage(asterisk, ami, phones))
            await ami.act("Ping")  # all that came before its answer has been read
            return version, ami.banner.encode() + b"\r\n" + bytes(ami.raw)


async def main() -> None:
    """Record everything."""
    for recipe in RECIPES:
        name = recipe.__name__.replace("_", "-")
        version, said = await record(recipe)
        folder = FOLDER / f"recorded-{version}"
        await asyncio.to_thread(folder.mkdir, exist_ok=True)
        await asyncio.to_thread((folder / f"{name}.txt").write_bytes, said)
        print(f"{name}: {said.count(b'Event: ')} events")  # noqa: T201 - a script


if __name__ == "__main__":
    asyncio.run(main())
