"""Redis, Valkey or a cluster of either: the hot copy of what callers are known by, and what nodes share. Knows no other store.

Nothing in here is the truth: whatever is lost, late or unreadable costs latency only. Keys and their layout are in `keys`.
"""

from ctiroute.store.redis.copy import HotCopy
from ctiroute.store.redis.link import Link, open_link
from ctiroute.store.redis.shared import SharedMemory

__all__ = ["HotCopy", "Link", "SharedMemory", "open_link"]
