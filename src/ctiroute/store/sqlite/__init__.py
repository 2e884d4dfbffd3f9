"""The embedded back end: one local SQLite file in WAL."""

from ctiroute.store.sqlite.store import SqliteStore

__all__ = ["SqliteStore"]
