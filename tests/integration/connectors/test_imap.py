"""New mail is asked of a server over a real socket: what is kept, what is marked, and what goes wrong."""

from __future__ import annotations

import ipaddress
import shutil
import socket
import ssl
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from ctiroute.connectors.imap.mailbox import Mailbox
from ctiroute.connectors.imap.source import MailSource
from ctiroute.connectors.webhook.files import read_mapping
from ctiroute.model import Medium
from ctiroute.settings import MailboxSettings
from tests.integration.connectors.imap_server import PASSWORD, USER, mail_server
from tests.integration.connectors.keeping import NOW, asked, house

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.connectors.imap_server import MailServer
    from tests.integration.connectors.keeping import House


def mail(number: int, text: str = "Is the offer still open?", **headers: str) -> bytes:
    """Return a mail."""
    told = {
        "From": "=?utf-8?b?0IbRgNC40L3QsA==?= <Iryna@example.com>",
        "To": "help@bank.example",
        "Subject": "Autumn instalments",
        "Message-ID": f"<m{number}@example.com>",
        **{name.replace("_", "-"): value for name, value in headers.items()},
    }
    return "".join(f"{name}: {value}\r\n" for name, value in told.items()).encode() + b"\r\n" + text.encode() + b"\r\n"


def source(server: MailServer, at: House, *, secret: str = PASSWORD, step_s: float = 5.0, **more: object) -> MailSource:
    """Return a connector to this server, which it asks without pause."""
    settings = MailboxSettings("support", "127.0.0.1", USER, secret, server.port, tls=False, poll_s=0.02, **more)  # type: ignore[arg-type]
    box = Mailbox(settings, socket_s=2.0)
    return MailSource(settings, read_mapping("mail"), at, at.metrics, lambda: NOW, "UA", mailbox=box, step_s=step_s)


async def test_mail_is_kept_and_marked(tmp_path: Path) -> None:
    """Who wrote, what about, and when; mail that comes later is found, too."""
    async with mail_server() as server, house(tmp_path) as at:
        first = server.gets(mail(1))
        async with asked(source(server, at), at) as asking:
            await at.until(lambda: server.marked() == {first})
            second = server.gets(mail(2, "Please call me.", References="<m1@example.com>"))
            await at.until(lambda: server.marked() == {first, second})
            await at.until(lambda: asking.state.up)
        kept = await at.find("support", "<m1@example.com>")
        assert kept is not None
        assert (kept.medium, kept.title, kept.topic) == (Medium.EMAIL, "Autumn instalments", "help@bank.example")
        assert kept.identifier is not None
        assert kept.identifier.value == "iryna@example.com"
        assert {event.text for event in kept.events} == {"Is the offer still open?", "Please call me."}
        assert kept.events[0].at.isoformat() == "2026-03-02T08:30:00+00:00"


async def test_a_restart_loses_and_repeats_nothing(tmp_path: Path) -> None:
    """Mail that was kept and could not be marked is read again, and known."""
    async with mail_server(drops_after="UID FETCH") as server, house(tmp_path) as at:
        server.gets(mail(1))
        async with asked(source(server, at), at):
            await at.until(lambda: at.taken >= 1)
        assert server.marked() == set()
        server.drops_after = ""
        server.gets(mail(2))
        async with asked(source(server, at), at):
            await at.until(lambda: len(server.marked()) == 2)
        for number in (1, 2):
            kept = await at.find("support", f"<m{number}@example.com>")
            assert kept is not None
            assert len(kept.events) == 1


async def test_nothing_is_marked_while_the_store_is_away(tmp_path: Path) -> None:
    """It stays new mail until it is kept."""
    async with mail_server() as server, house(tmp_path) as at:
        at.away = True
        server.gets(mail(1))
        async with asked(source(server, at), at) as asking:
            await at.until(lambda: at.taken >= 2)
            assert server.marked() == set()
            assert "could not be kept" in asking.state.detail
            at.away = False
            await at.until(lambda: len(server.marked()) == 1)


async def test_a_server_without_keywords_marks_mail_as_read(tmp_path: Path) -> None:
    """The only mark that every server has; LOGIN where it offers nothing else."""
    async with mail_server(keywords=False, plain=False) as server, house(tmp_path) as at:
        uid = server.gets(mail(1))
        async with asked(source(server, at, secret="secret"), at):
            await at.until(lambda: server.marked("\\Seen") == {uid})


@pytest.mark.parametrize(
    ("ways", "secret", "said"),
    [
        ({}, "wrong", "refuses the account"),
        ({"plain": False}, "пароль", "refuses the account"),
        ({}, "", "no password is set"),
        ({}, "a\r\nb", "line break"),
        ({"read_only": True}, PASSWORD, "read-only"),
        ({"answers": {"SELECT": b"TAG NO there is none\r\n"}}, PASSWORD, "there is no folder INBOX"),
        ({"answers": {"UID SEARCH": b"TAG NO busy\r\n"}}, PASSWORD, "does not search"),
        ({"answers": {"UID SEARCH": b"TAG BAD what\r\n"}}, PASSWORD, "does not speak IMAP as it should"),
        ({"answers": {"CAPABILITY": b"HTTP/1.1 400 Bad Request\r\n\r\n"}}, PASSWORD, "does not speak IMAP"),
        ({"drops_after": "NOOP"}, PASSWORD, "mail server"),
        ({"hangs_on": "UID SEARCH"}, PASSWORD, "does not answer"),
    ],
)
async def test_what_is_wrong_is_said(tmp_path: Path, ways: dict[str, Any], secret: str, said: str) -> None:
    """In health, with what to do; never the password."""
    async with mail_server(**ways) as server, house(tmp_path) as at:
        server.gets(mail(1))
        async with asked(source(server, at, secret=secret), at) as asking:
            await at.until(lambda: said in asking.state.detail)
            assert not asking.state.up
            assert not secret or secret not in asking.state.detail


async def test_a_server_that_hangs_is_left_and_asked_again(tmp_path: Path) -> None:
    """Cut from outside when a step takes too long; nothing stays behind in the thread."""
    async with mail_server(hangs_on="UID FETCH") as server, house(tmp_path) as at:
        uid = server.gets(mail(1))
        async with asked(source(server, at, step_s=0.3), at) as asking:
            await at.until(lambda: "takes too long" in asking.state.detail)
            server.hangs_on = ""
            await at.until(lambda: server.marked() == {uid})


@pytest.mark.parametrize(
    "answer",
    [
        b"* 1 FETCH (UID 101 BODY[]<0> {99999999999}\r\n",
        b"* 1 FETCH (UID 101 BODY[]<0> {600000}\r\n",
        b"* OK " + b"x" * 2_000_000 + b"\r\n",
        b"* OK again\r\n" * 200_000 + b"garbage\r\n",
        b"\x00\xff\r\n",
    ],
)
async def test_an_answer_without_measure_is_refused(tmp_path: Path, answer: bytes) -> None:
    """Lengths that nobody sends, lines without end: the connection is given up, not the memory."""
    async with mail_server(answers={"UID FETCH": answer}) as server, house(tmp_path) as at:
        server.gets(mail(1))
        async with asked(source(server, at), at) as asking:
            await at.until(lambda: "mail server" in asking.state.detail)
            server.answers = {}
            await at.until(lambda: len(server.marked()) == 1)


async def test_hostile_mail_is_taken_for_what_it_is(tmp_path: Path) -> None:
    """Bombs, broken encodings, markup, formulas, mail without ids: each is marked, none holds up the next."""
    bomb = b"".join(b'Content-Type: multipart/mixed; boundary="b%d"\r\n\r\n--b%d\r\n' % (n, n) for n in range(3000))
    hostile = [
        b"From: a@example.com\r\nMessage-ID: <bomb@x>\r\n" + bomb,
        b"\xff\xfe\x00" * 1000,
        b"",
        mail(2, "=cmd|' /C calc'!A0 <script>alert(1)</script>"),
        mail(3, Subject="=?utf-8?b?////?= =?rot13?q?uryyb?= =?x-none?q?=FF?=", Content_Type='text/plain; charset="no-such"'),
        mail(4, From="<script>@x", Message_ID="no brackets"),
        mail(5, "x" * 3_000_000),
        mail(6, "Out of office", Auto_Submitted="auto-replied"),
    ]
    async with mail_server() as server, house(tmp_path) as at:
        uids = {server.gets(raw) for raw in [*hostile, mail(7)]}
        async with asked(source(server, at), at) as asking:
            await at.until(lambda: server.marked() == uids)
            await at.until(lambda: asking.state.up)
        formula, large = await at.find("support", "<m2@example.com>"), await at.find("support", "<m5@example.com>")
        assert formula is not None
        assert formula.events[0].text == "=cmd|' /C calc'!A0 <script>alert(1)</script>"
        assert large is not None
        assert len(large.events[0].text) == 4000
        assert await at.find("support", "<m6@example.com>") is None
        assert await at.find("support", "<m7@example.com>") is not None


async def test_mail_that_is_not_handed_over_is_not_marked(tmp_path: Path) -> None:
    """It is left for later, and holds up no other."""
    async with mail_server() as server, house(tmp_path) as at:
        withheld = server.gets(mail(1))
        server.withholds = {withheld}
        second = server.gets(mail(2))
        async with asked(source(server, at), at):
            await at.until(lambda: server.marked() == {second})
            third = server.gets(mail(3))
            await at.until(lambda: server.marked() == {second, third})
        server.withholds = set()
        async with asked(source(server, at), at):
            await at.until(lambda: server.marked() == {withheld, second, third})


async def test_a_full_mailbox_is_worked_through(tmp_path: Path) -> None:
    """More than one look takes: the rest comes at once, not after the pause."""
    async with mail_server() as server, house(tmp_path) as at:
        uids = {server.gets(mail(number)) for number in range(230)}
        async with asked(source(server, at), at):
            await at.until(lambda: server.marked() == uids)
            await at.until(lambda: at.counted("support", "taken") == 230)  # it counts when it has heard that all are marked


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[ssl.SSLContext, Path]:
    """Return what a server shows that nobody vouches for, and the file by which it can be trusted."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl makes the certificate")
    key, cert = tmp_path / "key.pem", tmp_path / "cert.pem"
    made = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "1", "-subj", "/CN=x"]
    subprocess.run([*made, "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", cert], check=True, capture_output=True)  # noqa: S603 - our own
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(cert, key)
    return tls, cert


@pytest.mark.parametrize("from_the_start", [True, False])
async def test_a_password_goes_to_nobody_who_is_not_trusted(
    tmp_path: Path,
    certificate: tuple[ssl.SSLContext, Path],
    from_the_start: bool,
) -> None:
    """With TLS from the start, or begun by STARTTLS: the certificate is verified either way."""
    tls, cert = certificate
    ways: dict[str, Any] = {"tls": tls} if from_the_start else {"starttls": tls}
    async with mail_server(**ways) as server, house(tmp_path) as at:
        uid = server.gets(mail(1))
        for ca in (None, cert):
            settings = MailboxSettings("support", "127.0.0.1", USER, PASSWORD, server.port, from_the_start, ca, poll_s=0.02)
            box = MailSource(settings, read_mapping("mail"), at, at.metrics, lambda: NOW, "UA")
            async with asked(box, at) as asking:
                if ca is None:
                    await at.until(lambda: "set tls_ca" in asking.state.detail)
                    assert "AUTHENTICATE" not in server.heard
                else:
                    await at.until(lambda: server.marked() == {uid})


async def test_a_password_goes_to_no_other_machine_in_clear(tmp_path: Path) -> None:
    """A server without TLS is spoken to on this machine alone."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("192.0.2.1", 9))  # sends nothing: it only says by which address we would
        address = probe.getsockname()[0]
    if ipaddress.ip_address(address).is_loopback:
        pytest.skip("this machine has no other address")
    async with mail_server(host=address) as server, house(tmp_path) as at:
        box = MailSource(
            MailboxSettings("support", address, USER, PASSWORD, server.port, tls=False),
            read_mapping("mail"),
            at,
            at.metrics,
            lambda: NOW,
            "UA",
        )
        async with asked(box, at) as asking:
            await at.until(lambda: "offers no TLS" in asking.state.detail)
        assert not {"AUTHENTICATE", "LOGIN"} & set(server.heard)
