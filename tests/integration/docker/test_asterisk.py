"""The Asterisk that docker/ configures, as a real one reads it: mounted as compose.yml does, with the secrets that the script makes."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest_asyncio
import yaml

from tests.real.asterisk import CTIROUTE, RealAsterisk
from tests.real.sipp import Caller

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

DOCKER = Path(__file__).parents[3] / "docker"
INSIDE = "/etc/ctiroute-asterisk/"


def write(asterisk: RealAsterisk) -> None:
    """Put everything where compose.yml has it, under the test's own folder, with ports of this machine in place of the container's."""
    site = asterisk.home / "site"
    shutil.copytree(DOCKER, site / "docker", ignore=shutil.ignore_patterns("secrets"))
    shutil.copytree(DOCKER.parent / "asterisk_conf", site / "asterisk_conf")
    subprocess.run([site / "docker" / "secrets.sh"], check=True)  # noqa: S603 - our own script
    compose = yaml.safe_load((DOCKER / "compose.yml").read_text(encoding="utf-8"))
    for name in ("etc", "db", "spool", "run", "log"):
        (asterisk.home / name).mkdir()
    for volume in compose["services"]["asterisk"]["volumes"]:
        source, target, _ = volume.split(":")
        text = (site / "docker" / source).read_text(encoding="utf-8").replace("/run/secrets/", "/mnt/site/docker/secrets/")
        text = re.sub(r"=> (/etc/ctiroute-asterisk|/run/asterisk|/var/spool/asterisk)$", "=> /mnt/etc", text, flags=re.MULTILINE)
        text = text.replace("[directories]", "[directories]\nastmoddir => /mnt/modules")
        text = text.replace("bind=0.0.0.0:5060", f"bind=127.0.0.1:{asterisk.sip_port}").replace("port=5038", f"port={asterisk.ami_port}")
        text = text.replace("172.28.57.11:4573", f"127.0.0.1:{asterisk.agi_port}").replace("172.28.57.12:4573", "127.0.0.1:9")
        (asterisk.home / "etc" / target.removeprefix(INSIDE)).write_text(text, encoding="utf-8")
    with (asterisk.home / "etc" / "manager.conf").open("a", encoding="utf-8") as manager:
        manager.write("\n[lab]\nsecret=lab-secret\nread=all\nwrite=all\n")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(real_parts: None) -> AsyncIterator[RealAsterisk]:
    """Run it, with all the modules it loads by itself."""
    async with RealAsterisk(write=write) as asterisk:
        yield asterisk


async def test_phones_queue_and_account_are_there(server: RealAsterisk) -> None:
    """Two phones with passwords, who are the members of the sample queue; the trunk; ctiroute's account and no wider one."""
    for endpoint in ("1001", "1002", "trial-trunk"):
        assert "Unable to find" not in await server.cli(f"pjsip show endpoint {endpoint}")
    assert "1001/1001" in await server.cli("pjsip show auths")
    queue = await server.cli("queue show promo")
    assert "PJSIP/1001" in queue
    assert "PJSIP/1002" in queue
    account = await server.cli(f"manager show user {CTIROUTE[0]}")
    assert re.search(r"read perm: +(call,agent|agent,call)\s", account)
    assert "CHANGE_ME" not in account


async def test_caller_is_answered_without_ctiroute(server: RealAsterisk) -> None:
    """Whoever calls in while both nodes are down hears the menu."""
    async with server.ami() as ami, Caller(server, "+380671234567", "0800500500") as caller:
        await ami.wait("VarSet", Variable="CTI_WAY", Value="default")
        await ami.wait("Newexten", Context="main-ivr")
        await caller.wait("answered")
        await caller.hang_up()
    await server.no_channels()
