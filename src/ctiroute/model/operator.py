"""The human with a screen, and the phone that rings beside it."""

from __future__ import annotations

from enum import StrEnum

from ctiroute.model.value import Value


class Role(StrEnum):
    """What a signed-in person may see; each role includes those before it."""

    OPERATOR = "operator"
    SUPERVISOR = "supervisor"
    ADMIN = "admin"


class Operator(Value, frozen=True):
    """Somebody who takes calls and looks at a screen."""

    operator_id: str  # sign-in name, lower case
    name: str
    interfaces: tuple[str, ...] = ()  # "PJSIP/1001"; compared without case
    extension: str | None = None  # "1001"
    member_name: str | None = None  # as queues.conf names the member; None: not used for matching
    language: str = "en"
    role: Role = Role.OPERATOR
    team: str = ""


class Member(Value, frozen=True):
    """A phone in a queue (or rung directly), as the switch names it."""

    interface: str  # "PJSIP/1001" or "Local/1001@from-queue/n"
    name: str = ""  # MemberName
    state_interface: str = ""  # StateInterface, where the event has it
