"""Tells other systems what happened here, by webhooks out of the store's outbox. Knows settings and deliveries; nothing of calls."""
