"""Builds everything once; starts, reloads, stops."""
