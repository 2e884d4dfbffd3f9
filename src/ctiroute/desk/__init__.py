"""Live calls and operators: events in, commands out. Pure."""

from ctiroute.desk.claims import ClaimChange, ClaimPolicy, Claims
from ctiroute.desk.commands import ClosePop, Command, ForgetCall, RecordCall, RecordMissed, ShowPop, UpdatePop
from ctiroute.desk.desk import Desk

__all__ = [
    "ClaimChange",
    "ClaimPolicy",
    "Claims",
    "ClosePop",
    "Command",
    "Desk",
    "ForgetCall",
    "RecordCall",
    "RecordMissed",
    "ShowPop",
    "UpdatePop",
]
