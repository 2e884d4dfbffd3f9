"""The I/O shells: one folder for each medium."""
