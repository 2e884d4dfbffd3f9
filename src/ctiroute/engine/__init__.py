"""Request -> identity -> context -> Decision, under one deadline."""
