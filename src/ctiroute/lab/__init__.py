"""A simulated Asterisk for the demo and for authors of rules. Speaks real FastAGI and AMI over TCP; shares no code with what it tests."""

from ctiroute.lab.lab import Lab
from ctiroute.lab.plan import Behaviour, LabCall, LabConfig, LabMenu, LabPhone, LabQueue, Ring, Strategy, Transfer

__all__ = ["Behaviour", "Lab", "LabCall", "LabConfig", "LabMenu", "LabPhone", "LabQueue", "Ring", "Strategy", "Transfer"]
