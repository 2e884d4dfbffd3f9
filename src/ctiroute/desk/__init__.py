"""Live calls and operators: events in, commands out. Pure."""
