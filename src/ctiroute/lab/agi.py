"""The AGI() application of the lab's Asterisk: a FastAGI client that behaves as res/res_agi.c does. Independent of ctiroute's AGI.

Connects within two seconds or fails; writes the environment; answers commands until the peer closes, the dialplan's absolute timeout
comes, or the caller hangs up.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ctiroute.lab.channels import Channel

CONNECT_S = 2.0  # MAX_AGI_CONNECT of res_agi.c, by address
ABSOLUTE_S = 3.0  # TIMEOUT(absolute) that the shipped dialplan sets around AGI()
VERSION = "22.10.1"
_BUFFER = 8192  # AGI_BUF_LEN: what is longer spills into a second command

_Command = tuple[int, str, "Callable[[list[str], dict[str, str], Channel], str]"]  # least arguments, usage, what it does
_USAGE = "520-Invalid command syntax.  Proper usage follows:\nUsage: {usage}\n520 End of proper usage.\n"


@dataclass(slots=True)
class AgiResult:
    """How one AGI() ended."""

    status: str = "FAILURE"  # AGISTATUS, which means little: see res_agi.c
    failure: str = ""  # in words: refused, silent, late, ...; "" when the peer closed by itself after it was reached
    hung_up: bool = False
    late: bool = False  # the absolute timeout of the dialplan came first
    took_ms: float = 0.0
    variables: dict[str, str] = field(default_factory=dict)
    commands: list[str] = field(default_factory=list)  # as they came


async def run_agi(
    channel: Channel,
    host: str,
    port: int,
    script: str,
    args: tuple[str, ...],
    *,
    dnid: str,
    rdnis: str = "",
    callingpres: int = 0,
    connect_s: float = CONNECT_S,
    absolute_s: float = ABSOLUTE_S,
    hang_up_after_s: float | None = None,
) -> AgiResult:
    """Run AGI(agi://host:port/script,args...) on a channel; `hang_up_after_s`: the caller leaves so long after connecting."""
    result = AgiResult()
    began = time.monotonic()
    try:
        async with asyncio.timeout(connect_s):
            reader, writer = await asyncio.open_connection(host, port, limit=_BUFFER)
    except TimeoutError:
        result.failure = f"agi://{host}:{port} does not answer"
        return result
    except OSError as error:
        result.failure = f"agi://{host}:{port} refused the connection ({error.strerror or error})"
        return result
    result.status = "SUCCESS"
    try:
        writer.write(environment(channel, host, port, script, args, dnid=dnid, rdnis=rdnis, callingpres=callingpres))
        await _session(reader, writer, result, channel, absolute_s, hang_up_after_s)
    except OSError as error:  # a reset after connecting is SUCCESS all the same
        result.failure = f"the connection broke ({error.strerror or error})"
    finally:
        result.took_ms = (time.monotonic() - began) * 1000
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
    return result


async def _session(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    result: AgiResult,
    channel: Channel,
    absolute_s: float,
    hang_up_after_s: float | None,
) -> None:
    """Answer commands until somebody ends it."""
    leaving = hang_up_after_s is not None and hang_up_after_s < absolute_s
    try:
        async with asyncio.timeout(hang_up_after_s if leaving else absolute_s):
            while line := await reader.readline():
                command = line.decode(errors="replace").rstrip("\r\n")
                result.commands.append(command)
                writer.write(answer(command, result.variables, channel).encode(errors="replace"))
                await writer.drain()
    except ValueError:  # a line beyond the buffer
        result.failure = "a command was too long"
    except TimeoutError:
        if leaving:
            result.hung_up = True
            result.failure = "the caller hung up"
            writer.write(b"HANGUP\n")
            await writer.drain()
        else:
            result.late = True
            result.failure = f"no end within {absolute_s:g} s"


def environment(
    channel: Channel, host: str, port: int, script: str, args: tuple[str, ...], *, dnid: str, rdnis: str = "", callingpres: int = 0
) -> bytes:
    """Return the block Asterisk 22 opens with (res_agi.c: launch_netscript, setup_env). Values are not escaped: Asterisk does not."""
    lines = [
        ("agi_network", "yes"),
        ("agi_network_script", script),
        ("agi_request", f"agi://{host}:{port}/{script}"),
        ("agi_channel", channel.name),
        ("agi_language", channel.language),
        ("agi_type", channel.name.partition("/")[0]),
        ("agi_uniqueid", channel.uniqueid),
        ("agi_version", VERSION),
        ("agi_callerid", channel.number or "unknown"),
        ("agi_calleridname", channel.caller_name or "unknown"),
        ("agi_callingpres", str(callingpres)),
        ("agi_callingani2", "0"),
        ("agi_callington", "0"),
        ("agi_callingtns", "0"),
        ("agi_dnid", dnid or "unknown"),
        ("agi_rdnis", rdnis or "unknown"),
        ("agi_context", channel.context),
        ("agi_extension", channel.exten),
        ("agi_priority", str(channel.priority)),
        ("agi_enhanced", "0.0"),
        ("agi_accountcode", ""),
        ("agi_threadid", "139936183936704"),
        *((f"agi_arg_{number}", value) for number, value in enumerate(args, 1)),
    ]
    return "".join(f"{key}: {value}\n" for key, value in lines).encode(errors="replace") + b"\n"


def answer(command: str, variables: dict[str, str], channel: Channel) -> str:
    """Return the reply to one command, with its line end, and do what it asks: variables are set in `variables`."""
    words = split(command)
    name = " ".join(words[:2]).upper()
    if name in _TWO_WORDS:
        return _reply(_TWO_WORDS[name], words[2:], variables, channel)
    if words and words[0].upper() in _ONE_WORD:
        return _reply(_ONE_WORD[words[0].upper()], words[1:], variables, channel)
    return "510 Invalid or unknown command\n"


def _reply(entry: _Command, args: list[str], variables: dict[str, str], channel: Channel) -> str:
    least, usage, handler = entry
    return _USAGE.format(usage=usage) if len(args) < least else f"{handler(args, variables, channel)}\n"


def _set_variable(args: list[str], variables: dict[str, str], _channel: Channel) -> str:
    variables[args[0]] = args[1]
    return "200 result=1"


def _get_variable(args: list[str], variables: dict[str, str], channel: Channel) -> str:
    values = {"UNIQUEID": channel.uniqueid, "CHANNEL": channel.name, "EXTEN": channel.exten, **variables}
    name = args[0].removeprefix("${").removesuffix("}")
    return f"200 result=1 ({values[name]})" if name in values else "200 result=0"


def _exec(args: list[str], variables: dict[str, str], _channel: Channel) -> str:
    """Run an application: the few that only set variables, or do nothing a simulation could show."""
    application, text = args[0].lower(), args[1] if len(args) > 1 else ""
    if application in {"set", "mset"}:
        # MSet splits at commas and takes a pair of quotes around a value away (pbx_builtin_setvar_multiple).
        for pair in text.split(",") if application == "mset" else [text]:
            key, equals, value = pair.partition("=")
            if equals:
                variables[key.strip()] = value.replace('"', "") if application == "mset" else value
        return "200 result=0"
    return "200 result=0" if application in _HARMLESS else "200 result=-2"


def _ok(_args: list[str], _variables: dict[str, str], _channel: Channel) -> str:
    return "200 result=0"


def _one(_args: list[str], _variables: dict[str, str], _channel: Channel) -> str:
    return "200 result=1"


def _status(_args: list[str], _variables: dict[str, str], channel: Channel) -> str:
    return f"200 result={int(channel.state)}"


_HARMLESS = frozenset({"noop", "verbose", "wait", "answer", "playback", "ringing", "progress"})
_ONE_WORD: Mapping[str, _Command] = {
    "ANSWER": (0, "ANSWER", _ok),
    "EXEC": (1, "EXEC <application> <options>", _exec),
    "HANGUP": (0, "HANGUP [<channelname>]", _one),
    "NOOP": (0, "NoOp", _ok),
    "VERBOSE": (1, "VERBOSE <message> <level>", _one),
}
_TWO_WORDS: Mapping[str, _Command] = {
    "SET VARIABLE": (2, "SET VARIABLE <variablename> <value>", _set_variable),
    "GET VARIABLE": (1, "GET VARIABLE <variablename>", _get_variable),
    "GET FULL": (1, "GET FULL VARIABLE <expression> [<channel name>]", lambda args, *rest: _get_variable(args[1:] or [""], *rest)),
    "CHANNEL STATUS": (0, "CHANNEL STATUS [<channelname>]", _status),
    "SET CONTEXT": (1, "SET CONTEXT <desired context>", _ok),
    "SET EXTENSION": (1, "SET EXTENSION <new extension>", _ok),
    "SET PRIORITY": (1, "SET PRIORITY <priority>", _ok),
}


def split(command: str) -> list[str]:
    """Cut a command into words as res_agi.c does: blanks divide, double quotes hold together, a backslash takes the next as it is."""
    words: list[str] = []
    word, quoted, begun, escaped = "", False, False, False
    for char in command:
        if escaped:
            word, begun, escaped = word + char, True, False
        elif char == "\\":
            escaped = True
        elif char == '"':
            quoted, begun = not quoted, True
        elif char in " \t" and not quoted:
            if begun:
                words.append(word)
            word, begun = "", False
        else:
            word, begun = word + char, True
    return [*words, word] if begun else words
