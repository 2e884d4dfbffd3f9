"""Commands: parse arguments, call, print, return an exit code."""
