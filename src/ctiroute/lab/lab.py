"""The lab: a simulated Asterisk around the real ctiroute, over real sockets."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Self

from ctiroute.lab.dialplan import Dialplan
from ctiroute.lab.manager import Manager
from ctiroute.lab.plan import LabCall, LabConfig, Script
from ctiroute.lab.stage import Stage
from ctiroute.lab.switch import Switch

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from types import TracebackType

    from ctiroute.lab.channels import Event


class Lab:
    """One simulated Asterisk: `async with Lab(config) as lab: story = await lab.call("+380671234567", "0800123456")`.

    `sleep` is how the people's seconds pass (asyncio.sleep by default); the time of the AGI is always real.
    """

    def __init__(self, config: LabConfig, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        self.config = config
        self._sleep = sleep
        self._calls = 0
        self.switch = Switch(config.phones, config.queues, self._publish)
        self.manager = Manager(config.username, config.secret, self.switch)

    async def start(self) -> None:
        """Open the manager interface. Raises OSError when the port is taken."""
        await self.manager.start(self.config.ami_host, self.config.ami_port)

    async def stop(self) -> None:
        """Close it with all its sessions."""
        await self.manager.stop()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.stop()

    @property
    def ami_port(self) -> int:
        """The port of the manager interface."""
        return self.manager.port

    async def listener(self, timeout_s: float = 10.0) -> bool:
        """Wait until ctiroute listens on the manager interface; False when it did not in time."""
        return await self.manager.listener(timeout_s)

    async def elapse(self, seconds: float) -> None:
        """Let simulated seconds pass."""
        await self._sleep(seconds / self.config.speed)

    async def call(
        self,
        number: str,
        dialed: str,
        name: str = "",
        *,
        script: Script | None = None,
        patience_s: float | None = None,
        callingpres: int = 0,
        hang_up_in_agi_s: float | None = None,
    ) -> LabCall:
        """Make a call and return its story when its last channel is gone.

        `number`, `name`: what the network says of the caller ("" withholds it); `script`: what people at phones do in this call, by
        extension; `patience_s`: when the caller gives up waiting; `hang_up_in_agi_s`: he leaves while ctiroute is still asked.
        """
        story = LabCall(number, dialed, name, started_at=time.monotonic())
        stage = Stage(self.switch, story, script or {}, self.elapse, patience_s)
        self._calls += 1
        await Dialplan(stage, self.config, self._calls).run(callingpres=callingpres, hang_up_in_agi_s=hang_up_in_agi_s)
        return story

    def _publish(self, event: Event) -> None:
        self.manager.publish(event)
