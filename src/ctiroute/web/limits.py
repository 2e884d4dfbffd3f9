"""Every bound of the web room with its reason, in one place. A test or a small machine passes others."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class WebLimits:
    """Bounds on browsers."""

    # --- connections
    idle_s: float = 5.0  # a connection that has no whole request by then is closed: nobody stays without saying who he is
    body_s: float = 5.0  # until a request's body is read
    body_bytes: int = 16 * 1024  # our largest body is a sign-in
    # --- websocket, from the browser
    message_bytes: int = 16 * 1024  # a note of 4,000 characters, escaped, is the largest
    messages_per_minute: int = 60  # also the burst
    strikes: int = 5  # refused messages in a row after which the browser is closed
    tabs: int = 16  # of one operator
    # --- websocket, to the browser
    queue_bytes: int = 64 * 1024  # waiting for a slow browser; over it, the browser is closed and reads a snapshot when it is back
    queue_messages: int = 200
    write_buffer: int = 16 * 1024  # bytes in the transport before the writer waits
    snapshots: int = 8  # taken at once, when a whole floor reconnects
    snapshot_s: float = 5.0
    heartbeat_s: float = 18.0  # ping; half of it later without an answer, the browser is gone: 27 s
    close_s: float = 2.0  # for the closing handshake; then the connection is cut
    # --- sessions
    recheck_s: float = 4.0  # a session that ended elsewhere closes its screens within this
    directory_s: float = 1.0  # operators are read from the store at most this often
    ticket_s: float = 30.0  # life of a one-time sign-in link, unless its maker says otherwise
    # --- health
    store_check_s: float = 1.0  # the store's time to prove it works; the answer is kept as long
    # --- what other programs send in
    import_bytes: int = 64 * 1024 * 1024  # of one body, unpacked; some 400,000 touches
    import_rows: int = 200_000  # of one body; checked and written in some 20 s
    import_s: float = 120.0  # until a body is read
    import_idle_s: float = 10.0  # between two pieces of it
    json_bytes: int = 1024 * 1024  # of one interaction: a hundred fields of 4,000 characters, escaped
    lines_bytes: int = 8 * 1024 * 1024  # of many interactions
    lines: int = 2_000  # of them; about a second of the store's one writer, in small bites
    rules_bytes: int = 8 * 1024 * 1024  # of rule files to check, scripts and lists included
    imports: int = 2  # bodies taken at once: each costs calls a millisecond now and then
