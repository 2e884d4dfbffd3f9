"""A real Asterisk on 127.0.0.1 for tests, with the configuration we ship and ports, logs and state of its own.

The Debian system made by `install.py` is shared and never written to: each Asterisk has a private mount namespace in which its own
folder appears as /ctiroute, so several run side by side, no mount outlives the process, and no path of this machine reaches a
configuration or a recording. The process dies with the test run (PDEATHSIG), however that ends.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

from tests.real import ami as manager
from tests.real import configuration, install
from tests.real.ports import free_port

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager
    from types import TracebackType

START_TIMEOUT_S = 20.0  # on a busy machine; alone it takes about 1 s
ADMIN = ("lab", "lab-secret")  # the tests' own account: may do everything
CTIROUTE = ("ctiroute", "ctiroute-secret")  # the account we ship


@dataclass(frozen=True, slots=True)
class Channel:
    """One line of `core show channels concise`."""

    name: str
    context: str
    extension: str
    state: str
    application: str
    data: str


Writer = Callable[["RealAsterisk"], None]


class RealAsterisk:
    """One Asterisk. Not bound to an event loop: every method opens what it needs and closes it."""

    def __init__(
        self,
        *,
        agi_port: int | None = None,
        agi_path: str = "/route",
        freepbx: bool = False,
        resolver: str = "",
        crowd: int = 0,
        write: Writer = configuration.write,
    ) -> None:
        """Choose ports. `agi_port`: where the dialplan asks ctiroute; None: a free one.

        `freepbx`: with the snippets for FreePBX; `resolver`: what its resolv.conf says, "" for the Debian system's own; `crowd`: with a
        queue of that name and so many phones in it, all at `crowd_port`; `write` puts the
        configuration in place of the tests' own into /mnt/etc, its folders under /mnt, with the account ADMIN.
        """
        self._write = write
        self.resolver = resolver
        self.crowd = tuple(str(2001 + number) for number in range(crowd))
        self.crowd_port = free_port(socket.SOCK_DGRAM)
        self.freepbx = freepbx
        self.sip_port = free_port(socket.SOCK_DGRAM)
        self.ami_port = free_port()
        self.agi_port = agi_port or free_port()
        self.built_in_agi_port = free_port()  # where the dialplan asks when no site file names an address
        self.agi_path = agi_path
        self.agi_host = "127.0.0.1"
        self.agi_nodes = ""  # several nodes as the site file lists them; "": the one address above
        self.agi_order = ""
        self.home = Path(tempfile.mkdtemp(prefix="ctiroute-asterisk-"))
        self._process: subprocess.Popen[bytes] | None = None

    async def __aenter__(self) -> Self:
        try:
            await self.start()
        except BaseException:
            self.remove()
            raise
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        try:
            await self.stop()
        finally:
            self.remove()

    async def start(self) -> None:
        """Start it and return when it is fully booted. Raises TimeoutError or RuntimeError with the end of its log."""
        root = install.build_asterisk()
        self._write(self)
        modules = next(root.glob("usr/lib/*/asterisk/modules"))
        (self.home / "modules").unlink(missing_ok=True)
        (self.home / "modules").symlink_to(Path("/") / modules.relative_to(root))
        # The shell replaces itself by Asterisk, so the process we hold is Asterisk itself.
        names = ""
        if self.resolver:
            (self.home / "resolv.conf").write_text(self.resolver)
            names = f" && mount --bind {self.home}/resolv.conf {root}/etc/resolv.conf"
        enter = (
            f"mount --bind {self.home} {root}/mnt && mount -t proc proc {root}/proc && mount --rbind /dev {root}/dev{names}"
            f" && exec chroot {root} /usr/sbin/asterisk -f -C /mnt/etc/asterisk.conf"
        )
        log = (self.home / "console.log").open("ab")
        with log:
            self._process = subprocess.Popen(  # noqa: ASYNC220, S603 - returns at once
                ["setpriv", "--pdeathsig", "KILL", "unshare", "--mount", "sh", "-c", enter],  # noqa: S607 - found on PATH
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        await self._ready()

    async def _ready(self) -> None:
        """Wait for the manager port and the FullyBooted event that a `system` reader is sent."""
        until = time.monotonic() + START_TIMEOUT_S
        while True:
            if self._process is None or self._process.poll() is not None:
                raise RuntimeError(f"Asterisk ended while it started:\n{self.log()[-2000:]}")
            if time.monotonic() > until:
                raise TimeoutError(f"Asterisk not ready within {START_TIMEOUT_S} s:\n{self.log()[-2000:]}")
            try:
                async with self.ami() as ami:
                    await ami.wait("FullyBooted", timeout_s=until - time.monotonic())
                    return
            except (OSError, asyncio.IncompleteReadError):
                await asyncio.sleep(0.05)  # the port is not open yet; asked again, not assumed

    async def stop(self) -> None:
        """Stop it the way a kill does: at once. Its namespace and mounts go with it."""
        process, self._process = self._process, None
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await asyncio.to_thread(process.wait)

    async def restart(self) -> None:
        """Stop and start on the same ports, as after a crash: all calls are gone."""
        await self.stop()
        await self.start()

    def remove(self) -> None:
        """Delete its folder (kept when KEEP_ASTERISK is set, to read the logs)."""
        if not os.environ.get("KEEP_ASTERISK"):
            shutil.rmtree(self.home, ignore_errors=True)

    def log(self) -> str:
        """Return what it wrote to its console and its log file."""
        files = [self.home / "console.log", self.home / "log" / "messages"]
        return "".join(file.read_text(errors="replace") for file in files if file.exists())

    def ami(self, username: str = ADMIN[0], secret: str = ADMIN[1]) -> AbstractAsyncContextManager[manager.Ami]:
        """Open a manager connection, by default with the tests' own account that may do everything."""
        return manager.connect(self.ami_port, username, secret)

    async def cli(self, command: str) -> str:
        """Run a CLI command and return its output."""
        async with manager.connect(self.ami_port, *ADMIN, events="off") as ami:
            return await ami.command(command)

    async def channels(self) -> list[Channel]:
        """Return all live channels."""
        lines = [line.split("!") for line in (await self.cli("core show channels concise")).splitlines() if line.count("!") > 6]
        return [Channel(name=f[0], context=f[1], extension=f[2], state=f[4], application=f[5], data=f[6]) for f in lines]

    async def until_in(self, place: str, count: int, timeout_s: float = 5.0) -> None:
        """Wait until so many channels are in a context, or in an application."""
        until = time.monotonic() + timeout_s
        while sum(place in {channel.context, channel.application} for channel in await self.channels()) < count:
            if time.monotonic() > until:
                raise AssertionError(f"not {count} channels in {place}: {await self.channels()}")
            await asyncio.sleep(0.02)  # asked again until it is so

    async def no_channels(self, timeout_s: float = 5.0) -> None:
        """Wait until no channel is left. Raises AssertionError naming those that stayed behind."""
        until = time.monotonic() + timeout_s
        while left := await self.channels():
            if time.monotonic() > until:
                raise AssertionError(f"channels stayed behind: {left}")
            await asyncio.sleep(0.05)  # asked again until it is so

    async def hang_up_all(self) -> None:
        """End every call, so that the next test starts clean."""
        for channel in await self.channels():
            await self.cli(f"channel request hangup {channel.name}")
        await self.no_channels()

    async def set_agi(
        self, *, host: str = "127.0.0.1", port: int | None = None, path: str = "/route", nodes: str = "", order: str = ""
    ) -> None:
        """Let the dialplan ask somewhere else from the next call on. `nodes`: CTI_SITE_AGI as it is, in place of an address."""
        self.agi_host, self.agi_port, self.agi_path = host, port or self.agi_port, path
        self.agi_nodes, self.agi_order = nodes, order
        self._write(self)
        await self.cli("dialplan reload")

    async def registered(self, extension: str, timeout_s: float = 5.0) -> None:
        """Wait until a phone is registered and its device known as idle."""
        until = time.monotonic() + timeout_s
        while "Not in use" not in await self.cli(f"pjsip show endpoint {extension}"):
            if time.monotonic() > until:
                raise TimeoutError(f"phone {extension} is not registered")
            await asyncio.sleep(0.05)  # asked again until it is so
