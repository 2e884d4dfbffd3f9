"""Rules held against what the store and Asterisk have now."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from ctiroute.app.rule_check import check, known_live
from ctiroute.lab import Lab, LabConfig, LabPhone, LabQueue
from ctiroute.model import Campaign, Medium, Operator, Role
from ctiroute.settings.model import AsteriskSettings, Settings
from ctiroute.store import open_store

if TYPE_CHECKING:
    from pathlib import Path

RULES = """\
rules:
  - name: autumn
    when: {touch: {campaign: ["autumn-*", sprnig], within: 15m}}
    then: {operator: {who: olenna}, queue: prmo}
  - name: owner
    when: {interaction: {owner: olena}}
    then: {operator: owner, queue: promo}
default: {}
"""


async def settings_of(folder: Path, asterisk: AsteriskSettings | None) -> Settings:
    """Return settings whose store knows one campaign and one operator."""
    settings = Settings(data_dir=folder, asterisk=(asterisk,) if asterisk else ())
    store = open_store(settings.store_url)
    await store.open()
    await store.put_campaigns([Campaign("autumn-sms", "Autumn", Medium.SMS)])
    await store.put_operator(Operator("olena", "Olena", interfaces=("PJSIP/1001",), language="uk", role=Role.OPERATOR), None)
    await store.close()
    return settings


async def test_names_are_asked_of_the_store_and_of_asterisk(tmp_path: Path) -> None:
    """Each one that nobody knows is found, with the nearest that somebody does; operators' languages count."""
    config = LabConfig(phones=(LabPhone("1001"),), queues=(LabQueue("promo", ("1001",)),), ami_port=0)
    async with Lab(config) as lab:
        asterisk = AsteriskSettings("lab", "127.0.0.1", lab.ami_port, config.username, config.secret)
        known, missing = await known_live(await settings_of(tmp_path, asterisk))
    assert missing == []
    assert known.languages == {"en", "uk"}
    path = tmp_path / "rules.yml"
    path.write_text(RULES, encoding="utf-8")
    report = await asyncio.to_thread(check, path, known)
    said = [(finding.fault.found, finding.fault.hint) for finding in report.findings if finding.kind == "unknown-name"]
    assert said == [
        ("sprnig", "known here: autumn-sms"),
        ("olenna", "did you mean olena?"),
        ("prmo", "did you mean promo?"),
    ]


@pytest.mark.parametrize("wrong", ["nothing listens", "wrong secret", "none named"])
async def test_what_could_not_be_asked_is_said(tmp_path: Path, wrong: str) -> None:
    """And nothing is complained of for it."""
    config = LabConfig(phones=(LabPhone("1001"),), queues=(LabQueue("promo", ("1001",)),), ami_port=0)
    async with Lab(config) as lab:
        asterisk = AsteriskSettings("lab", "127.0.0.1", lab.ami_port, config.username, config.secret)
        given = {"wrong secret": replace(asterisk, secret="wrong"), "none named": None}
        settings = await settings_of(tmp_path, given.get(wrong, asterisk))
        if wrong == "nothing listens":
            await lab.manager.stop()
        known, missing = await known_live(settings)
    assert "queue" not in known.names
    (said,) = missing
    assert "asked for its queues" in said
