"""`sample`: a stable part of all customers, for trials and hold-out groups.

Who is in it follows from the sample's name and from who calls: the customer where surely one is known, else the number. Nothing is
stored and nothing is drawn, so every node and every replay agrees, and two samples of different names are independent of each other.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from ctiroute.documents import fields, matching, number
from ctiroute.rules import fragments as shape
from ctiroute.rules.facts import HOLDS, Bound, Facts
from ctiroute.rules.kinds import ConditionKind, Probe, Scope

if TYPE_CHECKING:
    from ctiroute.documents import Node

LEAST_PERCENT = 0.01  # of ten thousand customers one
_NAME = r"[A-Za-z0-9_.-]{1,64}"  # 64 bytes: the longest key of BLAKE2b (RFC 7693)
_EVERYBODY = 2**64  # places; a digest of 8 bytes is one of them


def read(node: Node, _scope: Scope) -> Probe:
    """Compile the condition."""
    with fields(node, "sample") as f:
        name = f.require("name", matching(_NAME, "the name of a sample", "Latin letters, digits and _ . - only, at most 64"))
        percent = f.require("percent", number(LEAST_PERCENT, 100))
        start = f.get("from", number(0, 100), 0.0)
        if not f.faults and start + percent > 100:  # noqa: PLR2004 - percent
            f.wrong(f.node.entries["percent"][1], "the sample ends beyond 100 percent", f"with from: {start:g} at most {100 - start:g}")
    low, high = _place(start), _place(start + percent)

    def test(facts: Facts) -> Bound | None:
        place = _place_of(name, facts)
        return HOLDS if place is not None and low <= place < high else None

    def seen(facts: Facts) -> str:
        place = _place_of(name, facts)
        return "neither customer nor number" if place is None else f"stands at {100 * place / _EVERYBODY:.2f} %"

    wanted = f"{percent:g} % of customers" + (f" from {start:g} %" if start else "") + f", sample {name}"
    return Probe(test, seen, wanted)


KIND = ConditionKind(
    "sample",
    "The caller belongs to a stable part of all customers.",
    read,
    shape.mapping(
        {
            "name": shape.about(
                shape.matching(f"^{_NAME}$", "the name of a sample: Latin letters, digits and _ . -"),
                "Samples of different names are independent of each other.",
                "autumn-trial",
            ),
            "percent": shape.about(shape.number(LEAST_PERCENT, 100), "How large a part it is.", 10),
            "from": shape.about(
                shape.number(0, 100), "Where it begins, so that samples of one name need not meet; 0 where it is not given."
            ),
        },
        required=["name", "percent"],
    ),
    "{name: autumn-trial, percent: 10}",
)


def place_of(name: str, key: str) -> int:
    """Return where a key stands in a sample, from 0 to 2**64 - 1. Never to be changed: people would change groups amid a trial."""
    digest = hashlib.blake2b(key.encode("utf-8", "surrogatepass"), digest_size=8, key=name.encode()).digest()
    return int.from_bytes(digest, "big")


def _place(percent: float) -> int:
    return round(percent * 100) * _EVERYBODY // 10_000 if percent < 100 else _EVERYBODY  # noqa: PLR2004 - percent


def _place_of(name: str, facts: Facts) -> int | None:
    key = _key(facts)
    if key is None:
        return None
    remembered = facts.memo.get((place_of, name))
    if remembered is None:
        remembered = facts.memo[place_of, name] = place_of(name, key)
    return int(remembered)


def _key(facts: Facts) -> str | None:
    customer = facts.context.identity.customer
    if customer is not None:
        return f"customer:{customer.customer_id}"
    phone = facts.request.caller.phone
    return f"phone:{phone}" if phone is not None else None
