"""The back end for more than one node: PostgreSQL, over asyncpg."""

from ctiroute.store.postgres.store import PostgresStore

__all__ = ["PostgresStore"]
