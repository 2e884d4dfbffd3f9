"""docs/how-to/interactions.md happens as it stands there: each request in order, each answer as shown."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import aiohttp

from ctiroute.model import Scope
from ctiroute.settings.model import ContinueSettings
from ctiroute.web.api.keys import new_key
from tests.unit.app.office import office
from tests.unit.docs.pages import ROOT

if TYPE_CHECKING:
    from pathlib import Path

PAGE = ROOT / "docs" / "how-to" / "interactions.md"
BLOCK = re.compile(r"^```(http|json)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def fits(got: Any, shown: Any) -> bool:
    """Say whether an answer is what the page shows of it: "…" stands for anything, and an object may hold more."""
    if isinstance(shown, dict):
        return isinstance(got, dict) and all(name in got and fits(got[name], value) for name, value in shown.items())
    if isinstance(shown, list):
        return isinstance(got, list) and len(got) == len(shown) and all(map(fits, got, shown))
    if isinstance(shown, str) and "…" in shown:
        return isinstance(got, str) and re.fullmatch(re.escape(shown).replace("…", ".*"), got) is not None
    return bool(got == shown)


async def test_every_request_of_the_page_is_answered_as_shown(tmp_path: Path) -> None:
    """Ids that an answer brought stand for their names in the requests after it."""
    settings = ContinueSettings("https://www.example.com/form?continue={token}", "sixteen letters or more")
    steps = BLOCK.findall(PAGE.read_text(encoding="utf-8"))
    known: dict[str, str] = {}
    answers = 0
    async with office(tmp_path, continue_link=settings) as room:
        key, token, secret_hash = new_key("page", tuple(Scope), room.clock(), None)
        await room.service.store.put_api_key(key, secret_hash)
        async with aiohttp.ClientSession(room.url, headers={"Authorization": f"Bearer {token}"}) as client:
            got: Any = None
            for kind, text in steps:
                if kind == "json":
                    shown = json.loads(text)
                    assert fits(got, shown), f"{got} is not {shown}"
                    answers += 1
                    continue
                line, _, body = text.partition("\n")
                method, address = line.format(**known).split(" ")
                sent = json.loads(body) if body.strip() else None
                async with client.request(method, address, json=sent) as answer:
                    got = json.loads(await answer.read())
                    assert answer.status in {200, 201, 409}, got
                known |= {name: value for name, value in got.items() if name in {"interaction_id", "token"} and isinstance(value, str)}
    assert answers == 8
