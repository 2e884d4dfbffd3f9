"""Bytes <-> AGI and AMI. Pure."""
