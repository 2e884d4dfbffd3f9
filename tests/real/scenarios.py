"""What SIPp does: the outside caller, a plain phone, a floor of phones. Names between @ are filled in by `sipp.py`."""

from __future__ import annotations

from tests.real import dtmf

SDP = """v=0
      o=- 1 1 IN IP4 127.0.0.1
      s=-
      c=IN IP4 127.0.0.1
      t=0 0
      m=audio [media_port] RTP/AVP 0 101
      a=rtpmap:0 PCMU/8000
      a=rtpmap:101 telephone-event/8000
"""

_OURS = ";tag=@UNIQUE@"
_INVITED = (
    "z9hG4bK-@UNIQUE@-invite"  # the branch of the INVITE, which its CANCEL and the ACK of a refusal share (RFC 3261, 9.1 and 17.1.1.3)
)
_PHONE, _OUTSIDE = (f"Contact: <sip:{who}@[local_ip]:[local_port]>" for who in ("phone", "caller"))


def _note(word: str) -> str:
    return f'<action><log message="{word}"/></action>'


def _reply(status: str, *more: str, to_tag: str = "", sdp: bool = False) -> str:
    """Return an answer to the last request: `more` headers, `to_tag` of ours where the request has none yet, and perhaps a body."""
    body = f"Content-Type: application/sdp\n      Content-Length: [len]\n\n      {SDP}" if sdp else "Content-Length: 0\n"
    headers = "\n      ".join(["[last_Via:]", "[last_From:]", f"[last_To:]{to_tag}", "[last_Call-ID:]", "[last_CSeq:]", *more])
    return f"<![CDATA[\n      SIP/2.0 {status}\n      {headers}\n      {body}    ]]>"


def _request(method: str, branch: str, cseq: int, *, to_tag: str = "[peer_tag_param]", note: str = "", then: str = "") -> str:
    """Return a request of the caller's dialog without a body; `then` is the label to go on at."""
    goes = f' next="{then}"' if then else ""
    return f"""<send{goes}>{note}<![CDATA[
      {method} sip:@DIALED@@[remote_ip]:[remote_port] SIP/2.0
      Via: SIP/2.0/UDP [local_ip]:[local_port];branch={branch}
      From: @FROM@;tag=@UNIQUE@
      To: <sip:@DIALED@@[remote_ip]>{to_tag}
      Call-ID: [call_id]
      CSeq: {cseq} {method}
      Max-Forwards: 70
      Content-Length: 0
    ]]></send>"""


CALLER = f"""<?xml version="1.0" encoding="UTF-8" ?>
<scenario name="caller">
  <send retrans="500"><![CDATA[
      INVITE sip:@DIALED@@[remote_ip]:[remote_port] SIP/2.0
      Via: SIP/2.0/UDP [local_ip]:[local_port];branch=z9hG4bK-@UNIQUE@-invite
      From: @FROM@;tag=@UNIQUE@
      To: <sip:@DIALED@@[remote_ip]>
      Call-ID: [call_id]
      CSeq: 1 INVITE
      Contact: <sip:caller@[local_ip]:[local_port]>
      @EXTRA@Max-Forwards: 70
      Content-Type: application/sdp
      Content-Length: [len]

      {SDP}
  ]]></send>
  <recv response="100" optional="true"/>
  <recv response="180" optional="true">{_note("ringing")}</recv>
  <recv response="183" optional="true">{_note("progress")}</recv>
  <recv response="404" optional="true" next="refused"/>
  <recv response="486" optional="true" next="refused"/>
  <recv response="503" optional="true" next="refused"/>
  <recv request="MESSAGE" optional="true" next="cancel"/>
  <recv response="200" rrs="true">{_note("answered")}</recv>
  {_request("ACK", "z9hG4bK-@UNIQUE@-ack", 1)}
  <label id="talk"/>
  <recv request="INVITE" optional="true" next="reinvited"/>
  <recv request="ACK" optional="true" next="talk"/>
  <recv request="INFO" optional="true" next="key">{dtmf.READ}</recv>
  <recv request="MESSAGE" optional="true" next="bye"/>
  <recv request="BYE" timeout="@HOLD@" ontimeout="bye"/>
  <send next="end">{_note("hung up on")}{_reply("200 OK")}</send>
  <label id="reinvited"/>
  <send next="talk">{_reply("200 OK", _OUTSIDE, sdp=True)}</send>
  {dtmf.press("talk")}
  <label id="bye"/>
  {_request("BYE", "z9hG4bK-@UNIQUE@-bye", 2)}
  <recv response="200" next="end">{_note("hung up")}</recv>
  <label id="cancel"/>
  {_request("CANCEL", _INVITED, 1, to_tag="")}
  <recv response="200"/>
  <recv response="487"/>
  {_request("ACK", _INVITED, 1, note=_note("hung up"), then="end")}
  <label id="refused"/>
  {_request("ACK", _INVITED, 1)}
  <label id="end"/>
</scenario>
"""

PHONE = f"""<?xml version="1.0" encoding="UTF-8" ?>
<scenario name="phone">
  <recv request="INVITE" crlf="true">{_note("ringing")}</recv>
  <send>{_reply("180 Ringing", _PHONE, to_tag=_OURS)}</send>
  <recv request="CANCEL" timeout="@AFTER@" ontimeout="answer"/>
  <send next="end">{_reply("200 OK", to_tag=_OURS)}</send>
  <label id="answer"/>
  <send retrans="500">{_reply("200 OK", _PHONE, to_tag=_OURS, sdp=True)}</send>
  <recv request="ACK">{_note("answered")}</recv>
  <recv request="BYE">{_note("hung up on")}</recv>
  <send>{_reply("200 OK")}</send>
  <label id="end"/>
</scenario>
"""


# Phones that ring, answer by themselves and hang up after a talk; one SIPp is a whole floor of them.
PHONES = f"""<?xml version="1.0" encoding="UTF-8" ?>
<scenario name="phones">
  <recv request="INVITE" rrs="true">
    <action>
      <ereg regexp=".*" search_in="hdr" header="From:" assign_to="caller"/>
      <ereg regexp=".*" search_in="hdr" header="To:" assign_to="phone"/>
    </action>
  </recv>
  <send>{_reply("180 Ringing", _PHONE, to_tag=_OURS)}</send>
  <recv request="CANCEL" timeout="@AFTER@" ontimeout="answer"/>
  <send>{_reply("200 OK", to_tag=_OURS)}</send>
  <send next="end"><![CDATA[
      SIP/2.0 487 Request Terminated
      [last_Via:]
      From:[$caller]
      To:[$phone];tag=@UNIQUE@
      [last_Call-ID:]
      CSeq: [last_cseq_number] INVITE
      Content-Length: 0
  ]]></send>
  <label id="answer"/>
  <send retrans="500">{_reply("200 OK", _PHONE, to_tag=_OURS, sdp=True)}</send>
  <recv request="ACK">{_note("answered")}</recv>
  <recv request="BYE" timeout="@TALK@" ontimeout="bye"/>
  <send next="end">{_reply("200 OK")}</send>
  <label id="bye"/>
  <send retrans="500"><![CDATA[
      BYE [next_url] SIP/2.0
      Via: SIP/2.0/UDP [local_ip]:[local_port];branch=z9hG4bK-@UNIQUE@-bye
      From:[$phone];tag=@UNIQUE@
      To:[$caller]
      Call-ID: [call_id]
      CSeq: 7 BYE
      Max-Forwards: 70
      Content-Length: 0
  ]]></send>
  <recv response="200"/>
  <label id="end"/>
</scenario>
"""
