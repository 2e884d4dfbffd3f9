"""Keys that a SIPp caller presses: RFC 4733 events in his sound, played from the recordings that come with Debian's SIPp.

The test names the key in a header of an INFO to SIPp's own port; the scenario finds out which it was and plays that recording.
"""

from __future__ import annotations

HEADER = "X-Key"
# In the order of the recordings' timestamps: Asterisk takes a key for a repeated packet whose timestamp is not later than the last one's
# (res_rtp_asterisk.c), so one call may press keys in this order alone.
KEYS = {**{digit: digit for digit in "1023456789"}, "*": "star", "#": "pound"}
RECORDINGS = "/usr/share/sip-tester/dtmf_2833_{}.pcap"  # payload type 101, as the caller's SDP says

# In the <recv> of that INFO: which key it is, and one truth for each. (The truth of a regular expression would outlive the next key.)
READ = (
    f'<action><ereg regexp="[0-9*#]" search_in="hdr" header="{HEADER}:" assign_to="key"/>'
    + "".join(
        f'<strcmp assign_to="differs" variable="key" value="{key}"/>'
        f'<test assign_to="is_{name}" variable="differs" compare="equal" value="0"/>'
        for key, name in KEYS.items()
    )
    + "</action>"
)


def press(after: str) -> str:
    """Return the part of a scenario from label "key" on: play the recording of the key, note it, go on at the label `after`."""
    choose = "".join(f'<nop next="key_{name}" test="is_{name}"/>' for name in KEYS.values())
    play = "".join(
        f'<label id="key_{name}"/><nop next="{after}"><action><exec play_pcap_audio="{RECORDINGS.format(name)}"/>'
        f'<log message="pressed {key}"/></action></nop>'
        for key, name in KEYS.items()
    )
    return f'<label id="key"/>{choose}<nop next="{after}"/>{play}'
