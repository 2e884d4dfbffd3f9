"""Screens, API, health and metrics over HTTP and websockets."""
