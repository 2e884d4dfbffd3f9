"""What ctiroute's account in manager.conf must be allowed, and no more. `doctor`, the shipped snippet and the docs say the same."""

from __future__ import annotations

from dataclasses import dataclass

from ctiroute.connectors.asterisk.translate.events import WANTED


@dataclass(frozen=True, slots=True)
class ManagerNeeds:
    """The least an account needs."""

    read: tuple[str, ...]  # classes of events
    write: tuple[str, ...]  # classes of actions
    events: tuple[str, ...]  # names for `eventfilter(action(include),name(...))`; a filter may let more through, never fewer
    harmful: tuple[str, ...]  # write classes that must not be given: each is as good as a shell, or as the configuration


def manager_needs() -> ManagerNeeds:
    """Return what the job needs, and why.

    * read: channels, dialling, holding and transfers are of class call; queues of class agent.
    * write: CoreShowChannels, asked on every connect, belongs to system or reporting (main/manager.c). reporting is the harmless
      one: it lists and counts. QueueStatus, Ping, Challenge and Login need no class. Without reporting all works but one thing:
      calls that end while the link is down are noticed hours late.
    * The parts of a list are written to the asker alone: neither `read` nor `eventfilter` holds them back.
    """
    return ManagerNeeds(
        read=("call", "agent"), write=("reporting",), events=tuple(WANTED), harmful=("originate", "system", "command", "config", "all")
    )
