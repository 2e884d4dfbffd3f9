"""A store with a million touches and a set of fifty rules, made once and kept."""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

from benchmarks.load import FIRST_PHONE, PHONES
from ctiroute.model import (
    Campaign,
    Customer,
    Identifier,
    IdentifierKind,
    Interaction,
    InteractionStatus,
    Medium,
    OfferTerms,
    Touch,
    TouchStatus,
)
from ctiroute.store import open_store

CUSTOMERS, INTERACTIONS, BATCH = 200_000, 100_000, 5_000
CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "ctiroute-bench"


def database() -> Path:
    """Return the store's file, made anew when it is not there or older than the schema it was made with."""
    path = CACHE / "touches-1m-v1.db"
    if not path.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=CACHE) as folder:
            making = Path(folder) / "ctiroute.db"
            asyncio.run(_fill(making))
            making.rename(path)
    return path


def rules(folder: Path, count: int = 50) -> Path:
    """Write `count` rules of the usual kinds and a default; return the folder."""
    lines = ["rules:"]
    for number in range(count - 2):
        kind = number % 4
        when = (
            f'touch: {{campaign: "other-{number}-*", medium: sms, within: 2h}}',
            f"interaction: {{topic: topic-{number}, status: open}}",
            f'dialed: "+38044{number:07d}"',
            f"customer: {{attributes: {{segment: gold-{number}}}}}",
        )[kind]
        lines += [f"  - name: rule-{number}", f"    when: {{{when}}}", f"    then: {{queue: queue-{number}}}"]
    lines += [
        "  - name: autumn-sms-callers",
        '    when: {touch: {campaign: "autumn-*", medium: sms, within: 30d}}',
        "    then: {queue: promo, priority: 10}",
        "  - name: open-credit",
        "    when: {interaction: {topic: credit, status: open}}",
        "    then: {queue: credit}",
        "default: {menu: main}",
    ]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "50.yml").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


async def _fill(path: Path) -> None:
    store = open_store(f"sqlite://{path}")
    await store.open()
    now = datetime.now(UTC)
    await store.put_campaigns([Campaign("autumn-sms", "Autumn", Medium.SMS)])
    phones = [Identifier(IdentifierKind.PHONE, f"+{FIRST_PHONE + number}") for number in range(PHONES)]
    for start in range(0, CUSTOMERS, BATCH):
        await store.put_customers(
            [Customer(f"c{n}", f"Customer {n}", "uk", {"segment": "mass"}, (phones[n],)) for n in range(start, start + BATCH)]
        )
    for start in range(0, INTERACTIONS, BATCH):
        await store.put_interactions(
            [
                Interaction(
                    f"i{n}", f"c{n}", Medium.WEB, "credit", "Application", InteractionStatus.OPEN, now, now, form={"amount": "24000"}
                )
                for n in range(start, start + BATCH)
            ]
        )
    for start in range(0, PHONES, BATCH):
        await store.put_touches(
            [
                Touch(
                    f"t{n}",
                    "autumn-sms",
                    "Autumn",
                    Medium.SMS,
                    phones[n],
                    now - timedelta(minutes=n % 20_000),
                    TouchStatus.DELIVERED,
                    OfferTerms("Autumn instalments", "Pay in 24 parts", "0 %, 24 months"),
                    customer_id=f"c{n}" if n < CUSTOMERS else None,
                )
                for n in range(start, start + BATCH)
            ]
        )
        if start % (PHONES // 10) == 0:
            sys.stderr.write(f"making a store of a million touches: {start * 100 // PHONES} %\n")
    await store.close()
