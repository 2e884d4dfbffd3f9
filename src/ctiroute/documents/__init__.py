"""YAML 1.2 core text -> a tree that knows where everything stands -> typed values. Pure.

`load` gives the tree; `fields` and the parsers take values out of it and name every mistake at its place, in one run. Knows nothing
of rules or settings: those rooms say which keys there are.
"""

from ctiroute.documents.load import MAX_ALIASES, MAX_BYTES, MAX_DEPTH, MAX_NODES, load
from ctiroute.documents.nodes import Mapping, Node, Scalar, Sequence, fault, kind_of, overlay, refuse
from ctiroute.documents.parsers import (
    Parser,
    boolean,
    choice,
    duration,
    integer,
    list_of,
    localized,
    mapping_of,
    matching,
    number,
    one_or_list,
    text,
)
from ctiroute.documents.reader import Fields, did_you_mean, fields
from ctiroute.documents.scalars import resolve

__all__ = [
    "MAX_ALIASES",
    "MAX_BYTES",
    "MAX_DEPTH",
    "MAX_NODES",
    "Fields",
    "Mapping",
    "Node",
    "Parser",
    "Scalar",
    "Sequence",
    "boolean",
    "choice",
    "did_you_mean",
    "duration",
    "fault",
    "fields",
    "integer",
    "kind_of",
    "list_of",
    "load",
    "localized",
    "mapping_of",
    "matching",
    "number",
    "one_or_list",
    "overlay",
    "refuse",
    "resolve",
    "text",
]
