"""Every key that is written, in one place. What stands in braces decides the slot of a cluster (its "hash tag").

| key | type | what |
|---|---|---|
| `ctiroute:{b:NNN}:facts:KIND:VALUE` | string | what is known of one identifier (`facts`); expires |
| `ctiroute:{b:NNN}:warm` | string | that this bucket is whole, and of which server and windows; expires before its facts do |
| `ctiroute:{b:NNN}:filling` | string | which pass fills this bucket just now; a flush takes it with what was filled; expires |
| `ctiroute:copy:step` | string | when the copy was last known to be in step with the truth |
| `ctiroute:copy:warming` | string | which node fills the copy just now; expires |
| `ctiroute:call:CALL_ID` | string | the context of a call, as its screen shows it; expires |
| `ctiroute:session:SHA256` | string | the operator of a session, by the hash of its token; expires with the session |
| `ctiroute:{presence}:nodes` | sorted set | nodes by when they were last heard |
| `ctiroute:{presence}:on:NODE` | string | which operators are connected there, and its rules; expires within seconds |
| `ctiroute:news` | stream | what one node tells the others; bounded |

Facts are spread over buckets, each with a marker of its own in the same slot: facts and marker are read in one command, and a part of
a cluster that was lost takes its markers with it, so that what is left of the copy still may be believed.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ctiroute.model import Identifier

PREFIX = "ctiroute:"
BUCKETS = 256  # enough for any cluster, and few enough to look at every marker once a second

STEP = PREFIX + "copy:step"
WARMING = PREFIX + "copy:warming"
NODES = PREFIX + "{presence}:nodes"
NEWS = PREFIX + "news"


def bucket_of(identifier: Identifier) -> int:
    """Return the bucket of an identifier: the same on every node and in every version."""
    return zlib.crc32(f"{identifier.kind}:{identifier.value}".encode("utf-8", "surrogatepass")) % BUCKETS


def facts_key(identifier: Identifier) -> bytes:
    """Return the key of what is known of an identifier."""
    name = f"{PREFIX}{{b:{bucket_of(identifier)}}}:facts:{identifier.kind}:{identifier.value}"
    return name.encode("utf-8", "surrogatepass")


def warm_key(bucket: int) -> str:
    """Return the key of a bucket's marker."""
    return f"{PREFIX}{{b:{bucket}}}:warm"


def filling_key(bucket: int) -> str:
    """Return the key that says which pass fills a bucket."""
    return f"{PREFIX}{{b:{bucket}}}:filling"


def call_key(call_id: str) -> bytes:
    """Return the key of a call's context."""
    return f"{PREFIX}call:{call_id}".encode("utf-8", "surrogatepass")


def session_key(token_hash: bytes) -> str:
    """Return the key of a session."""
    return f"{PREFIX}session:{token_hash.hex()}"


def presence_key(node: str) -> str:
    """Return the key under which a node says who is connected to it."""
    return f"{PREFIX}{{presence}}:on:{node}"
