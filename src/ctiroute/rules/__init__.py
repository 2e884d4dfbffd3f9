"""Rule files -> an immutable Ruleset. Pure."""
