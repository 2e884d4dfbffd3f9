"""Mails as people and programs send them, and as nobody should."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctiroute.connectors.imap.mail import MAX_NESTING, read_mail

DATE = "02-Mar-2026 08:30:00 +0000"


def mail(*lines: str) -> dict[str, object]:
    """Return what is read of these lines."""
    return read_mail("\r\n".join(lines).encode("utf-8", "surrogateescape"), DATE)


def test_a_plain_mail() -> None:
    """Headers decoded, what is quoted at the end cut off with the line that names it."""
    read = mail(
        "From: =?windows-1251?B?zuvl7eA=?= <o@example.com>",
        "Subject: =?utf-8?q?=D0=9F=D0=B8=D1=82=D0=B0=D0=BD=D0=BD=D1=8F?=",
        " and more",
        "Message-ID: <2@x>",
        "In-Reply-To: <1@x>",
        "References: <0@x> <1@x>",
        "",
        "Yes, please.",
        "> inside stays",
        "Thank you",
        "",
        "On Monday somebody wrote:",
        "> Would you",
        ">> like it?",
        "",
    )
    assert (read["from"], read["subject"]) == ("Олена <o@example.com>", "Питання and more")
    assert (read["thread"], read["in_reply_to"], read["message_id"], read["date"]) == ("<0@x>", "<1@x>", "<2@x>", DATE)
    assert read["text"] == "Yes, please.\n> inside stays\nThank you"
    assert (read["automatic"], read["attachments"], read["html"]) == (False, 0, None)


def test_a_mail_in_parts() -> None:
    """The first text and the first HTML that are no attachments, however deep."""
    read = mail(
        'Content-Type: multipart/mixed; boundary="m"',
        "",
        "--m",
        'Content-Type: text/plain; name="notes.txt"',
        "Content-Disposition: attachment",
        "",
        "not this",
        "--m",
        'Content-Type: multipart/alternative; boundary="a"',
        "",
        "--a",
        "Content-Type: text/plain; charset=koi8-u",
        "Content-Transfer-Encoding: base64",
        "",
        "8NLJ18XU",
        "--a",
        "Content-Type: text/html",
        "Content-Transfer-Encoding: quoted-printable",
        "",
        "<p>=D0=9F=D1=80=D0=B8=D0=B2=D0=B5=D1=82</p>",
        "--a--",
        "--m",
        "Content-Type: message/rfc822",
        "",
        "Subject: inner",
        "",
        "inner text",
        "--m--",
    )
    assert (read["text"], read["html"], read["attachments"]) == ("Привет", "<p>Привет</p>", 1)


@pytest.mark.parametrize(
    "header",
    ["Auto-Submitted: auto-replied", "Precedence: bulk", "List-Id: <news.x>", "Return-Path: <>", "auto-submitted: AUTO-GENERATED; x=y"],
)
def test_what_a_program_sent_is_known(header: str) -> None:
    """An answering machine's mail must not open a conversation."""
    assert mail(header, "", "x")["automatic"] is True


def test_what_a_person_sent_is_not_taken_for_a_program() -> None:
    """Though his client says so."""
    assert mail("Auto-Submitted: no", "Precedence: normal", "", "x")["automatic"] is False


def test_a_mail_without_an_id_has_one_by_its_content() -> None:
    """The same again, another for another."""
    first, again, other = (mail("Subject: x", "", text)["message_id"] for text in ("a", "a", "b"))
    assert first == again != other


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\x00" * 1000,
        b"\xff\xfe" * 1000,
        b"Subject: =?utf-8?b?====?=\r\n\r\n",
        b"Subject: =?no-such?q?=FF?=\r\n\r\n",
        b"Subject: " + b"=?utf-8?q?a?= " * 5000 + b"\r\n\r\n",
        b"Content-Type: text/plain; charset=rot13\r\n\r\nuryyb",
        b'Content-Type: text/plain; charset="\xff"\r\n\r\nx',
        b"Content-Type: text/plain; charset*0=utf; charset*1*=%FF''-8\r\n\r\nx",
        b"Content-Transfer-Encoding: base64\r\n\r\n!!!!",
        b"Content-Transfer-Encoding: x-uuencode\r\n\r\nbegin 666 x\n!!!!\nend",
        b"Content-Type: multipart/mixed\r\n\r\nno boundary",
        b"Content-Type: message/rfc822\r\n\r\n" * 200,
        b"References: " + b"<a@b> " * 10_000 + b"\r\n\r\n",
        b"From: " + b"(" * 10_000 + b"\r\n\r\n",
        b"X: y\r\n" * 20_000,
    ],
)
def test_what_is_broken_is_read_as_far_as_it_goes(raw: bytes) -> None:
    """Always with an id, never with a control character in a header."""
    read = read_mail(raw, DATE)
    assert str(read["message_id"]).startswith("<")
    assert all(char.isprintable() or char in "\t " for char in str(read["subject"] or "") if char < "\x80")


def test_a_bomb_is_read_by_its_head() -> None:
    """The parts of what is nested so deep are not looked at."""
    deep = b"".join(b'Content-Type: multipart/mixed; boundary="b%d"\r\n\r\n--b%d\r\n' % (n, n) for n in range(MAX_NESTING + 1))
    read = read_mail(b"Message-ID: <bomb@x>\r\n" + deep + b"\r\ntext", DATE)
    assert (read["message_id"], read["text"]) == ("<bomb@x>", None)


@given(st.binary(max_size=500))
def test_nothing_escapes(raw: bytes) -> None:
    """Whatever arrives."""
    for head in (b"", b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n", b"Content-Type: text/plain; charset="):
        assert read_mail(head + raw, DATE)["thread"]
