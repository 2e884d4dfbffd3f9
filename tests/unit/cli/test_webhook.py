"""`ctiroute webhook list|replay|test` and `ctiroute report campaign`."""

from __future__ import annotations

import csv
import io
import json
import threading
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest

from ctiroute.cli.loop import run
from ctiroute.connectors.announce.signature import verify
from ctiroute.model import (
    AttributedBy,
    Attribution,
    Campaign,
    Delivery,
    DeliveryState,
    Identifier,
    IdentifierKind,
    Medium,
    OfferTerms,
    Outcome,
    Touch,
    TouchStatus,
)
from ctiroute.settings import load_settings
from ctiroute.store import open_store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from ctiroute.store.base import Store
    from tests.unit.cli.conftest import Said

SECRET = "0123456789abcdef"
NOW = datetime.now(UTC)


def keep(config: Path, work: Callable[[Store], object]) -> None:
    """Do something with the store of the settings."""

    async def do() -> None:
        store = open_store(load_settings(config, {}).store_url)
        await store.open()
        await work(store)  # type: ignore[misc] # a coroutine function's
        await store.close()

    run(do())


def fill(config: Path) -> None:
    """Keep three events: one that waits, one delivered, one given up."""
    told = Delivery("mailer", "e-1", "touch.answered", "touch:1", NOW, b'{"id":"e-1"}')
    dead = Delivery(
        "mailer", "e-2", "touch.answered", "touch:2", NOW, b'{"id":"e-2"}', state=DeliveryState.DEAD, attempts=3, error="400 [bold]Bad[/]"
    )
    done = Delivery("crm", "e-1", "call.ended", "call:1", NOW, b'{"id":"e-1"}', state=DeliveryState.DELIVERED, attempts=1)
    keep(config, lambda store: store.put_deliveries([told, dead, done]))


def test_the_outbox_is_listed(config: Path, ctiroute: Callable[..., Said]) -> None:
    """With why it failed; what is asked for and nothing else; markup in an answer is text."""
    assert "nothing there" in ctiroute("webhook", "list", "-c", config).out
    fill(config)
    said = ctiroute("webhook", "list", "--state", "dead", "-c", config).out
    assert "e-2" in said
    assert "[bold]Bad[/]" in said.replace("\n", "")
    listed = json.loads(ctiroute("webhook", "list", "--webhook", "mailer", "--json", "-c", config).out)
    assert [(each["event_id"], each["state"], each["body"]) for each in listed] == [
        ("e-2", "dead", {"id": "e-2"}),
        ("e-1", "waiting", {"id": "e-1"}),
    ]


def test_what_was_given_up_is_tried_again(config: Path, ctiroute: Callable[..., Said]) -> None:
    """By name, by id, or all; what is not said is not done."""
    fill(config)
    assert ctiroute("webhook", "replay", "-c", config).code == 2
    assert ctiroute("webhook", "replay", "1", "--all", "-c", config).code == 2
    assert ctiroute("webhook", "replay", "--webhook", "crm", "-c", config).code == 1
    said = ctiroute("webhook", "replay", "--all", "-c", config)
    assert (said.code, "1 event will" in said.out) == (0, True)
    assert ctiroute("webhook", "replay", "3", "-c", config).code == 0
    listed = json.loads(ctiroute("webhook", "list", "--state", "waiting", "--json", "-c", config).out)
    assert len(listed) == 3


@pytest.fixture
def receiver() -> Iterator[tuple[str, list[tuple[str, bytes]]]]:
    """Give the address of a receiver, and what it got."""
    got: list[tuple[str, bytes]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            got.append((self.headers["Ctiroute-Signature"], body))
            self.send_response(204 if self.path == "/yes" else 404)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", got
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_test_event_is_sent_and_its_fate_told(
    config: Path, ctiroute: Callable[..., Said], receiver: tuple[str, list[tuple[str, bytes]]]
) -> None:
    """Signed as any other; a receiver that would not take it is an answer of no."""
    url, got = receiver
    hooks = f"webhooks:\n  - {{name: yes-man, url: {url}/yes, secret: {SECRET}}}\n  - {{name: no-man, url: {url}/no, secret: {SECRET}}}\n"
    with config.open("a", encoding="utf-8") as file:
        file.write(hooks)
    said = ctiroute("webhook", "test", "yes-man", "-c", config)
    assert (said.code, "taken, HTTP 204" in said.out) == (0, True)
    signature, body = got[0]
    assert verify(SECRET, signature, body, datetime.now(UTC).timestamp())
    assert json.loads(body)["type"] == "test"
    said = ctiroute("webhook", "test", "no-man", "-c", config)
    assert (said.code, "404" in said.err) == (1, True)
    assert ctiroute("webhook", "test", "nobody", "-c", config).code == 2
    assert SECRET not in ctiroute("config", "show", "-c", config).out


def campaign(config: Path, title: str = "Autumn <offer>") -> None:
    """Keep a campaign of two touches, one of which was answered."""
    sent = NOW - timedelta(hours=5)
    touches = [
        Touch(
            f"autumn:{number}",
            "autumn",
            title,
            Medium.SMS,
            Identifier(IdentifierKind.PHONE, f"+38067123456{number}"),
            sent,
            TouchStatus.SENT,
            OfferTerms(),
        )
        for number in range(2)
    ]
    call = Attribution(
        "c:1",
        AttributedBy.DECISION,
        sent + timedelta(minutes=90),
        sent + timedelta(minutes=95),
        touch_id="autumn:0",
        campaign="autumn",
        touched_at=sent,
        answered_at=sent + timedelta(minutes=90, seconds=7),
        outcome=Outcome.ANSWERED,
        code="-sold",
        skipped_menu=True,
    )

    async def put(store: Store) -> None:
        await store.put_campaigns([Campaign("autumn", title, Medium.SMS)])
        await store.put_touches(touches)
        await store.put_attributions([call])

    keep(config, put)


def test_a_report_for_people(config: Path, ctiroute: Callable[..., Said]) -> None:
    """Numbers with what they are shares of, and a bar for each hour."""
    campaign(config)
    said = ctiroute("report", "campaign", "autumn", "-c", config)
    assert said.code == 0
    lines = {line.strip().split("  ")[0]: line for line in said.out.splitlines()}
    assert "Autumn <offer> (autumn)" in said.out
    assert "50.0% of the touches" in lines["callers"]
    assert "0:07" in lines["waited"]
    assert lines["0 h"].endswith("0 (0 answered)")
    assert lines["1 h"].endswith("█  1 (1 answered)")
    assert "-sold 1" in said.out


def test_a_report_for_programs(config: Path, ctiroute: Callable[..., Said], tmp_path: Path) -> None:
    """JSON, a table that no spreadsheet executes, and a picture without a script in it."""
    campaign(config, "=1+1 <script>")
    report = json.loads(ctiroute("report", "campaign", "autumn", "--since", "1d", "--json", "-c", config).out)
    assert (report["sent"], report["calls"], report["hours"]) == (2, 1, [{"hour": 1, "calls": 1, "answered": 1}])
    assert json.loads(ctiroute("report", "campaign", "autumn", "--since", "1h", "--json", "-c", config).out)["sent"] == 0
    picture = tmp_path / "autumn.svg"
    table = ctiroute("report", "campaign", "autumn", "--csv", "--svg", picture, "-c", config).out
    assert ["campaign", "autumn", "'=1+1 <script>"] in list(csv.reader(io.StringIO(table)))
    assert ["code", "'-sold", "1"] in list(csv.reader(io.StringIO(table)))
    root = ET.fromstring(picture.read_text(encoding="utf-8"))  # noqa: S314 - our own
    assert {element.tag.partition("}")[2] for element in root.iter()} == {"svg", "title", "rect", "text"}


def test_a_campaign_that_is_not_there_and_wrong_times(config: Path, ctiroute: Callable[..., Said]) -> None:
    """An answer of no, and a usage error that says what to write."""
    assert ctiroute("report", "campaign", "nosuch", "-c", config).code == 1
    said = ctiroute("report", "campaign", "autumn", "--since", "soon", "-c", config)
    assert (said.code, "30d" in said.err) == (2, True)
