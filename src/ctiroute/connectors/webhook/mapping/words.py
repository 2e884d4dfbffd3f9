"""Values that have to be one of a few words. What a file says of them is checked when it is read, not when a message is lost."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ctiroute.connectors.webhook.mapping.path import Path
from ctiroute.connectors.webhook.mapping.value import Literal, Value, read_value
from ctiroute.documents import Mapping, Node, Scalar, did_you_mean, fault
from ctiroute.errors import ConfigurationError

if TYPE_CHECKING:
    from ctiroute.documents import Parser
    from ctiroute.errors import Fault


def one_of(*words: str) -> Parser[Value]:
    """Return a parser of a value that gives one of `words`, as far as the file decides it."""

    def parse(node: Node) -> Value:
        value = read_value(node)
        faults: list[Fault] = []
        if isinstance(node, Scalar) and isinstance(value.source, Path) and node.text in words:
            faults.append(fault(node, "is read as a path", f"write {{text: {node.text}}} for the word itself"))
        if isinstance(node, Mapping):
            written = [node.get("otherwise"), node.get("default")]
            if value.table is None and isinstance(value.source, Literal):
                written.append(node.get("text"))
            table = node.get("values")
            if isinstance(table, Mapping):
                written += [one for _, one in table]
            wrong = [one for one in written if isinstance(one, Scalar) and one.text not in words]
            faults += [fault(one, f"expected one of: {', '.join(words)}", did_you_mean(one.text, words)) for one in wrong]
        if faults:
            raise ConfigurationError(faults)
        return value

    return parse
