"""One connection for whoever asks: a slow or missing server costs time, and never a storm of connects."""

from __future__ import annotations

import asyncio
from random import Random
from time import monotonic
from typing import TYPE_CHECKING, Any

import pytest

from ctiroute.errors import StoreError, StoreUnavailable
from ctiroute.store.redis import open_link
from ctiroute.store.redis.link import LONGEST_PAUSE_S, MAX_WAITING, TIMEOUT_S
from tests.integration.redis.truth import RNG
from tests.real.ports import free_port
from tests.real.redis import until_true

if TYPE_CHECKING:
    from ctiroute.store.redis import Link
    from tests.real.redis import RealRedis


async def asked(link: Link, *command: str) -> Any:
    """Return the answer, or the error that came in its place."""
    try:
        return await link.ask(*command)
    except StoreUnavailable as error:
        return error


async def connections(server: RealRedis) -> int:
    """Return how many connections a server has taken so far, this one included."""
    return int((await server.ask("INFO", "stats"))["total_connections_received"])


async def test_everybody_gets_his_own_answer(link: Link, redis: RealRedis) -> None:
    """A thousand at once, over one connection."""
    before = await connections(redis)
    answers = await asyncio.gather(*[link.ask("ECHO", str(number)) for number in range(1000)])
    assert [int(answer) for answer in answers] == list(range(1000))
    assert await connections(redis) - before <= 2


async def test_many_commands_of_one_are_a_few_at_a_time(link: Link) -> None:
    """More than may wait at once are answered all the same, in order."""
    answers = await link.ask_all([("ECHO", str(number)) for number in range(2 * MAX_WAITING)])
    assert [int(answer) for answer in answers] == list(range(2 * MAX_WAITING))


async def test_an_error_is_for_who_caused_it(link: Link) -> None:
    """The others in the same pipeline have their answers."""
    wrong, good = await asyncio.gather(asked(link, "NOSUCHCOMMAND"), asked(link, "ECHO", "x"))
    assert isinstance(wrong, StoreUnavailable)
    assert good == b"x"
    assert not link.away


async def test_giving_up_closes_no_connection(own_redis: RealRedis) -> None:
    """Five hundred callers with short deadlines and a server that stopped: one connection, before and after."""
    link = open_link(own_redis.url, "test", RNG)
    assert await link.ask("ECHO", "x") == b"x"
    before = await connections(own_redis)
    own_redis.freeze()
    started = monotonic()
    while monotonic() - started < TIMEOUT_S / 2:
        impatient = [asyncio.wait_for(link.ask("ECHO", "y"), 0.02) for _ in range(50)]
        assert all(isinstance(each, TimeoutError | StoreUnavailable) for each in await asyncio.gather(*impatient, return_exceptions=True))
    own_redis.thaw()
    await until_true(lambda: _echoes(link))
    assert await connections(own_redis) - before <= 3
    await link.close()


async def test_a_server_that_hangs_is_away_after_a_second(own_redis: RealRedis) -> None:
    """Then everybody is told at once, and few tries are made; it is back soon after the server is."""
    link = open_link(own_redis.url, "test", Random(3))  # noqa: S311 - spreads waits
    assert await link.ask("ECHO", "x") == b"x"
    own_redis.freeze()
    started = monotonic()
    assert isinstance(await asked(link, "ECHO", "y"), StoreUnavailable)
    assert monotonic() - started < TIMEOUT_S + 0.5
    started = monotonic()
    assert isinstance(await asked(link, "ECHO", "y"), StoreUnavailable)
    assert monotonic() - started < 0.02
    own_redis.thaw()
    await until_true(lambda: _echoes(link), LONGEST_PAUSE_S + 1)
    assert not link.away
    await link.close()


async def test_nobody_at_the_port_is_told_within_milliseconds() -> None:
    """A thousand questions make a handful of tries."""
    link = open_link(f"redis://127.0.0.1:{free_port()}/0", "test", RNG)
    started = monotonic()
    for _ in range(1000):
        assert isinstance(await asked(link, "PING"), StoreUnavailable)
    assert monotonic() - started < 0.5
    assert "away" in str(await asked(link, "PING"))
    await link.close()


async def test_what_waits_is_bounded(own_redis: RealRedis) -> None:
    """A server that takes a second for an answer must not fill our memory."""
    link = open_link(own_redis.url, "test", RNG)
    own_redis.freeze()
    answers = await asyncio.gather(*[asked(link, "PING") for _ in range(MAX_WAITING + 600)])
    assert sum("too many" in str(answer) for answer in answers) >= 300
    assert all(isinstance(answer, StoreUnavailable) for answer in answers)
    await link.close()


async def test_who_waits_when_the_link_is_closed_is_told(own_redis: RealRedis) -> None:
    """Nobody hangs at the stop of the service."""
    link = open_link(own_redis.url, "test", RNG)
    own_redis.freeze()
    waiting = asyncio.gather(*[asked(link, "PING") for _ in range(300)])
    await asyncio.sleep(0)
    await link.close()
    assert all(isinstance(answer, StoreUnavailable) for answer in await waiting)
    assert isinstance(await asked(link, "PING"), StoreUnavailable)


async def test_a_password_that_is_wrong_is_named_and_not_shown(own_redis: RealRedis) -> None:
    """In the message and in the log."""
    await own_redis.ask("CONFIG", "SET", "requirepass", "right")
    link = open_link(own_redis.url.replace("redis://", "redis://:s3cret-wrong@"), "test", RNG)
    error = await asked(link, "PING")
    assert "password" in str(error)
    assert "s3cret" not in str(error)
    await link.close()


async def test_a_unix_socket_serves_as_well(own_redis: RealRedis) -> None:
    """On the same machine, without a port."""
    path = own_redis.folder / "redis.sock"
    await own_redis.kill()
    own_redis._options = ("--unixsocket", str(path))
    await own_redis.start()
    link = open_link(f"unix://{path}", "test", RNG)
    assert await link.ask("ECHO", "x") == b"x"
    await link.close()


@pytest.mark.parametrize("url", ["http://host", "redis://host:notaport", "redis+cluster://h:1,h:x", "", "memcached://x"])
def test_a_url_that_cannot_be_used_is_refused_at_once(url: str) -> None:
    """Without being shown: a password may be in it."""
    with pytest.raises(StoreError) as caught:
        open_link(url, "test", RNG)
    assert url == "" or url not in str(caught.value)


async def _echoes(link: Link) -> bool:
    return bool(await asked(link, "ECHO", "z") == b"z")
