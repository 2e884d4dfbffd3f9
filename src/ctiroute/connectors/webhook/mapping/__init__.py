"""YAML that says what a vendor's messages mean -> a compiled `Mapping` -> intakes, receipts and touches. Pure.

`load_mapping` reads a file, `verify` looks at the signature of a request, `bring` makes what is to be kept. No sockets, files, clocks,
secrets: whoever calls has them.
"""

from ctiroute.connectors.webhook.mapping.conversions import CONVERSIONS, Reading
from ctiroute.connectors.webhook.mapping.load import Challenge, Kind, Mapping, load_mapping
from ctiroute.connectors.webhook.mapping.path import Place
from ctiroute.connectors.webhook.mapping.run import Brought, bring, place_of
from ctiroute.connectors.webhook.mapping.signature import Basic, Hmac, Refused, Signature, Token, Unsigned, verify

__all__ = [
    "CONVERSIONS",
    "Basic",
    "Brought",
    "Challenge",
    "Hmac",
    "Kind",
    "Mapping",
    "Place",
    "Reading",
    "Refused",
    "Signature",
    "Token",
    "Unsigned",
    "bring",
    "load_mapping",
    "place_of",
    "verify",
]
