"""A running service with hooks, and a vendor that posts to them over a real socket."""

from __future__ import annotations

import hashlib
import hmac
import json
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp

from ctiroute.settings import ConnectorsSettings, HookSettings
from tests.unit.app.office import Office, office

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from ctiroute.model import Interaction

PAYLOADS = Path(__file__).parents[2] / "data" / "hooks"
SECRET = "the-app-secret"
HOOKS = (
    HookSettings("telegram", "telegram", SECRET),
    HookSettings("whatsapp", "whatsapp", SECRET, "set-up-word"),
    HookSettings("chatwoot", "chatwoot", SECRET),
    HookSettings("mailgun", "mailgun", SECRET),
    HookSettings("receipts", "sms-receipts", SECRET),
    HookSettings("form", "web-form", SECRET),
    HookSettings("viber", "viber", ""),
)


def payload(name: str) -> dict[str, Any]:
    """Return one of the recorded payloads."""
    found: dict[str, Any] = json.loads((PAYLOADS / f"{name}.json").read_bytes())
    return found


def signed(body: bytes) -> str:
    """Return what Meta and others put in a header."""
    return hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()


@dataclass
class Vendor:
    """Posts to a running service."""

    room: Office
    client: aiohttp.ClientSession

    async def post(self, hook: str, body: object, headers: dict[str, str] | None = None, **query: str) -> tuple[int, dict[str, Any]]:
        """Return status and answer."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        kind = {"Content-Type": "application/json", **(headers or {})}
        async with self.client.post(f"/hooks/{hook}", data=data, headers=kind, params=query) as answer:
            return answer.status, json.loads(await answer.read())

    async def telegram(self, update: object, token: str = SECRET) -> tuple[int, dict[str, Any]]:
        """Post as Telegram does."""
        return await self.post("telegram", update, {"X-Telegram-Bot-Api-Secret-Token": token})

    async def kept(self, source: str, external_id: str) -> Interaction | None:
        """Return the conversation as the store keeps it."""
        return await self.room.service.store.find_interaction(source, external_id)

    async def counted(self, connector: str) -> dict[str, float]:
        """Return what became of a connector's arrivals, by the metric."""
        found = {}
        for metric in self.room.service.registry.collect():
            for sample in metric.samples:
                if sample.name == "ctiroute_connector_arrivals_total" and sample.labels["connector"] == connector:
                    found[sample.labels["result"]] = sample.value
        return found


@asynccontextmanager
async def vendor(tmp_path: Path, hooks: tuple[HookSettings, ...] = HOOKS) -> AsyncIterator[Vendor]:
    """Start a service with these hooks."""
    async with office(tmp_path / "data", connectors=ConnectorsSettings(hooks)) as room, aiohttp.ClientSession(room.url) as client:
        yield Vendor(room, client)
