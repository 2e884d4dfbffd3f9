"""A person who is erased by command is gone from PostgreSQL and from Redis, while a node runs on both."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import pytest

from ctiroute.app import forgetting
from ctiroute.app.service import Service
from ctiroute.cli import main
from ctiroute.demo.company import CAMPAIGN_CALLER, FAMILY, seed
from ctiroute.demo.show import RULES
from ctiroute.model import Caller, Medium, RouteRequest
from ctiroute.settings import FastAgiSettings, Settings, WebSettings
from ctiroute.store.redis.keys import NEWS
from tests.integration.redis.truth import utc_now
from tests.real import postgres
from tests.real.redis import until_true

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.real.redis import RealRedis

CALL = "lab:1"
SECRETS = (CAMPAIGN_CALLER.encode(), b"Iryna Bondar", b"C-1001")
OTHERS = (FAMILY.encode(), b"Maria Savchenko")


@pytest.fixture
def database() -> Iterator[str]:
    """Give the URL of an empty database."""
    with postgres.running() as server:
        yield server.url()


async def everything(redis: RealRedis) -> bytes:
    """Return all that Redis holds, keys and values."""
    found: list[bytes] = []
    for key in await redis.ask("KEYS", "*"):
        kind = await redis.ask("TYPE", key)  # none, when it has expired since
        found.append(key)
        if kind == b"string":
            found.append(await redis.ask("GET", key) or b"")
        elif kind == b"stream":
            found.append(repr(await redis.ask("XRANGE", key, "-", "+")).encode())
        elif kind == b"zset":
            found.append(repr(await redis.ask("ZRANGE", key, "0", "-1")).encode())
    return b"\n".join(found)


async def test_nothing_of_the_person_is_left_in_redis(
    redis: RealRedis, database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Neither in the hot copy, nor in the context of a live call, nor in notes that nodes told each other; others are all there."""
    monkeypatch.setattr(forgetting, "LOOK_S", 0.1)
    settings = Settings(
        data_dir=tmp_path, store=database, redis=redis.url, rules=RULES, fastagi=FastAgiSettings(port=0), web=WebSettings(port=0)
    )
    config = tmp_path / "ctiroute.yml"
    text = f"data_dir: {tmp_path}\nstore: {database}\nredis: {redis.url}\n"
    await asyncio.to_thread(config.write_text, text, encoding="utf-8")
    service = Service(settings)
    await service.start()
    try:
        await seed(service.store, utc_now(), "correct horse battery")
        caller = Caller(CAMPAIGN_CALLER, CAMPAIGN_CALLER)
        request = RouteRequest(CALL, Medium.VOICE, caller, "+380443900000", utc_now(), "lab", leg_id=CALL)
        await service.router.route(request, asyncio.get_running_loop().time() + 1)
        service.node.neighbours.noted("pop", "olena", f"Iryna Bondar of {CAMPAIGN_CALLER} will call again", utc_now())

        async def is_full() -> bool:
            held = await everything(redis)
            return all(each in held for each in (*SECRETS, *OTHERS)) and await redis.ask("XLEN", NEWS) > 0

        await until_true(is_full, 30)
        await service._recorder.written()

        code = await asyncio.to_thread(main, ["erase", "--phone", CAMPAIGN_CALLER, "--yes", "--json", "-c", str(config)])
        report = json.loads(capsys.readouterr().out)
        assert (code, report["customers"], report["done"]["calls"]) == (0, ["C-1001"], 1)

        async def is_clean() -> bool:
            held = await everything(redis)
            return not any(secret in held for secret in SECRETS)

        await until_true(is_clean, 30)
        held = await everything(redis)
        assert all(each in held for each in OTHERS)
        record = await service.store.get_call(CALL)
        assert record is not None
        assert (record.caller_phone, record.customer_id, record.snapshot) == (None, None, None)
    finally:
        await service.stop()


async def test_a_redis_that_is_away_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The store is done; that the rest has to wait is an error to read, and an exit code."""
    config = tmp_path / "ctiroute.yml"
    await asyncio.to_thread(config.write_text, f"data_dir: {tmp_path}\nredis: redis://127.0.0.1:1/0\n", encoding="utf-8")
    code = await asyncio.to_thread(main, ["erase", "--phone", CAMPAIGN_CALLER, "--yes", "-c", str(config)])
    assert code == 1
    said = capsys.readouterr()
    assert said.out.startswith("what was done")
    assert "goes within a day, or when this is run again" in said.err
