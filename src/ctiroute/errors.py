"""Every exception ctiroute raises on purpose, on one screen.

    CtirouteError
    ├── ConfigurationError          a file the user wrote is wrong: carries every fault found in one run
    │   ├── DocumentError           not even YAML (or over a bound); raised by `documents`
    │   ├── SettingsError           ctiroute.yml, CTIROUTE_* variables
    │   ├── RulesError              rules/*.yml
    │   └── MappingError            mapping files of connectors
    ├── ProtocolError               the peer broke the wire format; close the session, take the default way
    │   ├── AgiError
    │   ├── AmiError
    │   └── PayloadError            what a source sent is not what it claims to be
    ├── LinkError                   Asterisk is away, refused us, or did not answer in time
    ├── StoreError                  the store could not answer; the call goes on without it
    │   ├── StoreUnavailable        later may work: back off and try again
    │   └── StoreConflict           the data contradicts what is stored: do not try again
    ├── CallbackRefused             a callback order cannot be taken, or not be changed as asked: the message says why
    ├── ImportRefused               an import went over its limit of bad rows and was rolled back
    └── AccessDenied                sign-in or a message was refused; says nothing about why to the outside

Library errors are mapped to these once, at the edge that knows the library, with the cause kept. A class stands here only
if somebody catches it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


class CtirouteError(Exception):
    """Base of all errors that ctiroute raises on purpose."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One mistake in a file the user wrote, with its place and the way to mend it."""

    file: str  # as the user named it
    line: int  # 1-based; 0: the whole file
    column: int  # 1-based; 0: the whole line
    message: str  # what is wrong, a full sentence without its full stop
    found: str = ""  # the offending text, shortened; "" when there is none to show
    hint: str = ""  # what to write instead; "" when the message says it

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        found = f" (found {self.found!r})" if self.found else ""
        hint = f"; {self.hint}" if self.hint else ""
        return f"{place}: {self.message}{found}{hint}"


class ConfigurationError(CtirouteError):
    """Files the user wrote are wrong; `faults` lists every mistake found, in file order."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        self.faults: tuple[Fault, ...] = tuple(faults)
        super().__init__("\n".join(str(fault) for fault in self.faults))


class DocumentError(ConfigurationError):
    """The text is not YAML 1.2 core, or is over a bound."""


class SettingsError(ConfigurationError):
    """The service's own configuration cannot be used."""


class RulesError(ConfigurationError):
    """The rule files cannot be compiled; the rules in use stay."""


class MappingError(ConfigurationError):
    """A mapping file of a connector cannot be used."""


class ProtocolError(CtirouteError):
    """The peer broke the wire format. The session is over: close it and take the default way."""


class AgiError(ProtocolError):
    """Bytes at the AGI port that are not AGI, hostile AGI, or a conversation that lost step.

    `hostile` says that the bytes began as AGI and then broke its rules as only smuggled text does. It is counted apart.
    """

    def __init__(self, message: str, *, hostile: bool = False) -> None:
        self.hostile = hostile
        super().__init__(message)


class AmiError(ProtocolError):
    """Bytes on the manager link that are not AMI, or an action that cannot be encoded."""


class PayloadError(ProtocolError):
    """A body from a source of messages cannot be read, or is over a bound. Sending it again will not help."""


class LinkError(CtirouteError):
    """Asterisk, or another service that we ask, is away, refused us, or did not answer in time. The message names the remedy."""


class StoreError(CtirouteError):
    """The store could not answer."""


class StoreUnavailable(StoreError):  # noqa: N818 - reads as what it is
    """The store is away, locked or out of space; the same call may work later."""


class StoreConflict(StoreError):  # noqa: N818 - reads as what it is
    """What was to be written contradicts what is stored; trying again will not help."""


class CallbackRefused(CtirouteError):  # noqa: N818 - reads as what it is
    """A callback order cannot be taken, or not be changed as asked, as things stand."""


class ImportRefused(CtirouteError):  # noqa: N818 - reads as what it is
    """Too many bad rows, or no table at all: nothing of the file was kept.

    `rejects` are the first bad rows as (line, column, reason).
    """

    def __init__(self, message: str, rejects: Sequence[tuple[int, str, str]] = ()) -> None:
        self.rejects = tuple(rejects)
        super().__init__(message)


class AccessDenied(CtirouteError):  # noqa: N818 - reads as what it is
    """Sign-in or a request was refused."""
