"""A floor and its calls from a YAML file, for authors of rules; and a call's story in words.

    phones:
      - {extension: "1001", name: Ann Lee, answer_after: 3}
      - {extension: "1002", name: Ben Moe, local: true, answer_after: never}
    queues:
      promo: {phones: ["1001", "1002"], strategy: ringall, ring: 15}
    menus:
      main: {listen: 5, queue: promo}
    calls:
      - {from: "+380671234567", to: "0800123456", name: Olena}
      - {from: "", to: "0800123456", after: 2, patience: 10, phones: {"1001": {answer_after: never}}}

Seconds are the lab's own. Every key but `phones` may be left out. Mistakes are told with their places, all in one run.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ctiroute.documents import Scalar, boolean, choice, fields, list_of, load, mapping_of, number, refuse, text
from ctiroute.errors import ConfigurationError
from ctiroute.lab.plan import Behaviour, LabCall, LabConfig, LabMenu, LabPhone, LabQueue, Script, Strategy, Transfer

if TYPE_CHECKING:
    from ctiroute.documents import Fields, Node
    from ctiroute.lab.lab import Lab

_seconds = number(0, 86_400)
_HERE = "the scenario"


@dataclass(frozen=True, slots=True)
class PlannedCall:
    """One call of a scenario."""

    number: str  # as the network would show it; "" is withheld
    dialed: str
    name: str = ""
    after_s: float = 0.0  # after the one before it began
    patience_s: float | None = None
    script: Script | None = None


@dataclass(frozen=True, slots=True)
class Scenario:
    """What a file says."""

    config: LabConfig
    calls: tuple[PlannedCall, ...] = ()


def read(written: str, file: str, base: LabConfig | None = None) -> Scenario:
    """Return the scenario in `written`; `base` gives addresses and speed. Raises ConfigurationError with every mistake."""
    node = load(written, file)
    with fields(node, _HERE) as top:
        phones = top.require("phones", list_of(_phone))
        queues = top.get("queues", mapping_of(_queue), {})
        menus = top.get("menus", mapping_of(_menu), {})
        calls = top.get("calls", list_of(_call), ())
    named = tuple(replace(menu, name=name) for name, menu in menus.items()) or (LabMenu("main"),)
    default = "main" if any(menu.name == "main" for menu in named) else named[0].name
    try:
        config = replace(
            base or LabConfig(),
            phones=phones,
            queues=tuple(replace(queue, name=name) for name, queue in queues.items()),
            menus=named,
            default_menu=default,
        )
    except ValueError as error:
        refuse(node, str(error))
    return Scenario(config, calls)


async def play(lab: Lab, calls: tuple[PlannedCall, ...]) -> list[LabCall]:
    """Make the calls of a scenario, each in its time, and return their stories in the order in which they began."""
    async with asyncio.TaskGroup() as group:
        tasks: list[asyncio.Task[LabCall]] = []
        for number_, call in enumerate(calls, 1):
            await lab.elapse(call.after_s)
            making = lab.call(call.number, call.dialed, call.name, script=call.script, patience_s=call.patience_s)
            tasks.append(group.create_task(making, name=f"lab call {number_}"))
    return [task.result() for task in tasks]


def tell(call: LabCall) -> tuple[str, str]:
    """Return a call's story in two lines: who was sent where by which rule, and what became of it."""
    who = " ".join(word for word in (call.number or "withheld number", call.name) if word)
    if call.decision_ms is None:
        how = f"default way, because {call.failure}" if call.failure else "default way"
    else:
        rule = call.variables.get("CTI_RULE", "")
        how = f"{call.way} {call.target} ({call.status}{f', rule {rule}' if rule else ''}, {call.decision_ms:.1f} ms)"
    rings = ", ".join(f"{ring.extension} {ring.result}" for ring in call.rings) or "nobody rang"
    passed = "".join(f"; {how_} transfer {who_} to {to}" for how_, who_, to in call.transfers)
    return f"{who} called {call.dialed}: {how}", f"    {rings}{passed}; {call.outcome}"


# --- pieces


def _habits(fields_: Fields, usual: Behaviour) -> Behaviour:
    """Read what a person does, over what he usually does."""
    how = fields_.get("transfer", choice(*Transfer), "")
    return Behaviour(
        answer_after_s=fields_.get("answer_after", _patience, usual.answer_after_s),
        talk_s=fields_.get("talk", _seconds, usual.talk_s),
        transfer=Transfer(how) if how else usual.transfer,
        transfer_to=fields_.get("transfer_to", text, usual.transfer_to),
        consult_s=fields_.get("consult", _seconds, usual.consult_s),
    )


def _patience(node: Node) -> float | None:
    """Return seconds, or None for `never`."""
    if isinstance(node, Scalar) and node.text == "never":
        return None
    try:
        return _seconds(node)
    except ConfigurationError:
        refuse(node, "expected a number of seconds, or never")


def _phone(node: Node) -> LabPhone:
    with fields(node, "a phone") as found:
        extension = found.require("extension", text)
        name = found.get("name", text, "")
        technology = found.get("technology", text, "PJSIP")
        local = found.get("local", boolean, default=False)
        behaviour = _habits(found, Behaviour())
    return LabPhone(extension, name, technology, local, behaviour)


def _queue(node: Node) -> LabQueue:
    usual = LabQueue("", ())
    with fields(node, "a queue") as found:
        phones = found.require("phones", list_of(text))
        strategy = found.get("strategy", choice(*Strategy), usual.strategy.value)
        ring_s = found.get("ring", _seconds, usual.ring_s)
        retry_s = found.get("retry", number(0.1, 3600), usual.retry_s)
        timeout_s = found.get("timeout", _seconds, usual.timeout_s)
    return LabQueue("", phones, Strategy(strategy), ring_s, retry_s, timeout_s)


def _menu(node: Node) -> LabMenu:
    with fields(node, "a menu") as found:
        listen_s = found.get("listen", _seconds, LabMenu("").listen_s)
        queue = found.get("queue", text, "")
    return LabMenu("", listen_s, queue)


def _call(node: Node) -> PlannedCall:
    with fields(node, "a call") as found:
        number_ = found.require("from", _maybe_empty)
        dialed = found.require("to", text)
        name = found.get("name", text, "")
        after_s = found.get("after", _seconds, 0.0)
        patience_s = found.get("patience", _patience, None)
        script = found.get("phones", mapping_of(_script), None)
    return PlannedCall(number_, dialed, name, after_s, patience_s, script)


def _script(node: Node) -> Behaviour:
    with fields(node, "what a person does") as found:
        return _habits(found, Behaviour())


def _maybe_empty(node: Node) -> str:
    """Return text that may be empty: a withheld number."""
    return "" if isinstance(node, Scalar) and node.value == "" else text(node)
