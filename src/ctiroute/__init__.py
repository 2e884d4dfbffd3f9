"""ctiroute: telephony routing with CTI context pop, beside Asterisk."""

__version__ = "0.1.0"
