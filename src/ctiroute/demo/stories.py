"""The calls of the demo, in order: each shows one thing ctiroute does. Seconds are the simulated people's own."""

from __future__ import annotations

from dataclasses import dataclass, field

from ctiroute.demo.company import CAMPAIGN_CALLER, FAMILY, FORM_CALLER, PASSED_ON, STRANGER, VIP
from ctiroute.lab.plan import Behaviour, LabMenu, LabPhone, LabQueue, Script, Transfer

YOUR_PHONE, COLLEAGUES_PHONE = "1001", "1002"
PHONES = (LabPhone(YOUR_PHONE), LabPhone(COLLEAGUES_PHONE))
_BOTH = (YOUR_PHONE, COLLEAGUES_PHONE)
QUEUES = tuple(LabQueue(name, _BOTH, ring_s=6.0) for name in ("promo", "credit", "vip", "reception"))
MENUS = (LabMenu("main", listen_s=4.0),)

_TAKES = Behaviour(answer_after_s=4.0, talk_s=7.0)
_AWAY = Behaviour(answer_after_s=None)


@dataclass(frozen=True, slots=True)
class Story:
    """One call and what it shows."""

    key: str
    shows: str  # for the terminal
    number: str
    name: str  # as the network sends it
    script: Script = field(default_factory=dict)  # extension -> what its person does
    note: str = ""  # what the colleague writes while he talks; "": nothing


STORIES = (
    Story("campaign", "was sent an SMS offer 12 minutes ago", CAMPAIGN_CALLER, "IRYNA B", {YOUR_PHONE: _TAKES, COLLEAGUES_PHONE: _AWAY}),
    Story("form", "left a credit form half filled", FORM_CALLER, "", {YOUR_PHONE: _TAKES, COLLEAGUES_PHONE: _AWAY}),
    Story("stranger", "is unknown, so takes the ordinary menu", STRANGER, ""),
    Story("family", "shares a number with another customer", FAMILY, "SAVCHENKO", {YOUR_PHONE: _TAKES, COLLEAGUES_PHONE: _AWAY}),
    Story("retry", "is not answered by you; the queue tries your colleague", VIP, "", {YOUR_PHONE: _AWAY, COLLEAGUES_PHONE: _TAKES}),
    Story(
        "transfer",
        "is passed on to you with a colleague's note",
        PASSED_ON,
        "",
        {
            COLLEAGUES_PHONE: Behaviour(answer_after_s=2.0, talk_s=8.0, transfer=Transfer.BLIND, transfer_to=YOUR_PHONE),
            YOUR_PHONE: Behaviour(answer_after_s=5.0, talk_s=7.0),
        },
        note="Asks whether the 24 parts can start in January. I promised an answer today.",
    ),
)
