"""`ctiroute call` against a real service, and without one."""

from __future__ import annotations

import asyncio
import json
import socket
from contextlib import redirect_stderr, redirect_stdout
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import TYPE_CHECKING

from ctiroute.app.service import Service
from ctiroute.cli import main
from ctiroute.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.unit.cli.conftest import Said

RULES = """\
rules:
  - name: vip
    when: {customer: {attributes: {vip: "yes"}}}
    then: {queue: vip}
  - name: autumn
    when: {touch: {campaign: "autumn*", within: 15m}}
    then: {queue: promo, priority: 10}
default: {menu: main}
"""


def run(*argv: object) -> tuple[int, str, str]:
    """Run a command in a thread of its own, beside the loop that serves it."""
    out, err = StringIO(), StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = main([str(word) for word in argv])
    return code, out.getvalue(), err.getvalue()


async def test_the_running_service_is_asked_and_says_why(tmp_path: Path) -> None:
    """A customer who was sent an SMS 12 minutes ago goes to the offer's queue; the rules tried come along."""
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "10.yml").write_text(RULES, encoding="utf-8")
    sent_at = (datetime.now(UTC) - timedelta(minutes=12)).isoformat(timespec="seconds")
    csv = tmp_path / "touches.csv"
    csv.write_text(f"phone,campaign,sent_at\n+380671234567,autumn-sms,{sent_at}\n", encoding="utf-8")
    config = tmp_path / "ctiroute.yml"
    text = f"data_dir: {tmp_path}\nrules: {tmp_path / 'rules'}\nfastagi: {{port: PORT, secret: s3cret-agi}}\nweb: {{port: 0}}\n"
    config.write_text(text.replace("PORT", "0"), encoding="utf-8")
    service = Service(load_settings(config, {}))
    await service.start()
    try:
        config.write_text(text.replace("PORT", str(service.fastagi.port)), encoding="utf-8")
        imported, _, _ = await asyncio.to_thread(run, "import", "touches", csv, "-c", config)
        code, out, err = await asyncio.to_thread(run, "call", "-c", config, "--from", "067 123 45 67", "--to", "0800500500", "--json")
        people = await asyncio.to_thread(run, "call", "-c", config, "--from", "anonymous", "--to", "0800500500")
    finally:
        await service.stop()
    answer = json.loads(out)
    assert (imported, code, err) == (0, 0, "")
    assert answer["answered"] is True
    assert (answer["variables"]["CTI_QUEUE"], answer["variables"]["CTI_RULE"]) == ("promo", "autumn")
    assert [(rule["rule"], rule["matched"]) for rule in answer["rules"]] == [("vip", False), ("autumn", True)]
    assert people[0] == 0
    assert "no rule took the call" in people[1]
    assert "s3cret-agi" not in out + people[1] + people[2]


def test_without_a_service_the_answer_is_no(tmp_path: Path, ctiroute: Callable[..., Said]) -> None:
    """Exit code 1 and the remedy; as JSON, too."""
    with socket.socket() as taken:  # bound, not listening: nobody else gets the port, and nobody answers at it
        taken.bind(("127.0.0.1", 0))
        config = tmp_path / "ctiroute.yml"
        config.write_text(f"data_dir: {tmp_path}\nfastagi: {{port: {taken.getsockname()[1]}}}\n", encoding="utf-8")
        said = ctiroute("call", "-c", config, "--from", "+380671234567", "--to", "0800500500")
        as_json = ctiroute("call", "-c", config, "--from", "+380671234567", "--to", "0800500500", "--json")
    assert said.code == as_json.code == 1
    assert "ctiroute serve" in said.err
    assert json.loads(as_json.out)["answered"] is False
