"""YAML text -> tree, in one pass over the parser's events. Knows bounds, not meanings.

libyaml's parser is used where PyYAML was built with it (32 ms for 200 rules against 300), else PyYAML's own; both give the same
events, so nothing else differs. Aliases are shared, never copied, but bounds count them as if they were: whoever walks the tree meets
every copy.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple, NoReturn

import yaml

from ctiroute.documents.nodes import Mapping, Node, Scalar, Sequence, fault
from ctiroute.documents.scalars import resolve
from ctiroute.errors import DocumentError, Fault

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_BYTES = 1024 * 1024  # a file of this size is refused unread: some 10,000 rules fit below it
MAX_DEPTH = 32  # the deepest sensible rule file has about 12 levels; readers are recursive
MAX_NODES = 200_000  # with aliases counted as copies: 10,000 rules have about 150,000
MAX_ALIASES = 1000  # uses of `*name` in one file
MAX_FAULTS = 50  # nobody reads more at once

_Loader: type[yaml.CLoader | yaml.Loader] = getattr(yaml, "CLoader", yaml.Loader)
_NOT_PRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def load(text: bytes | str, file: str) -> Node:
    """Return the tree of one YAML document.

    `file` names the source in messages. An empty document is a null scalar. Raises `DocumentError` with every repeated key and every
    tag, or with the one mistake of syntax, or the bound that was crossed.
    """
    source = _decode(text, file)
    composer = _Composer(file)
    try:
        # Not `yaml.parse`: its generator asks twice for each event. The last one is followed by None.
        return composer.compose(iter(_Loader(source).get_event, None))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = (mark.line + 1, mark.column + 1) if mark else (0, 0)
        what = " ".join(part for part in (error.context, error.problem) if part) or "cannot be read as YAML"
        raise DocumentError([*composer.faults, Fault(file, *place, what, hint=_remedy(what))]) from error
    except yaml.reader.ReaderError as error:
        line, column = _control_character(source)
        raise DocumentError([Fault(file, line, column, f"is not text: {error.reason}", hint="remove the control character")]) from error


def _decode(text: bytes | str, file: str) -> str:
    size = len(text)
    if size >= MAX_BYTES:
        raise DocumentError(
            [Fault(file, 0, 0, f"is too large: {size:,} bytes, and {MAX_BYTES:,} is the bound", hint="split it into several files")]
        )
    if isinstance(text, str):
        text = text.encode("utf-8", "surrogatepass")
    try:
        return text.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = text[: error.start].decode("utf-8", "replace")
        line, column = before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1
        raise DocumentError(
            [Fault(file, line, column, "is not UTF-8 text", f"byte 0x{text[error.start]:02x}", "save the file as UTF-8")]
        ) from error


def _control_character(source: str) -> tuple[int, int]:
    """Return line and column of the first character YAML does not allow (YAML 1.2, 5.1); the two parsers count it differently."""
    match = _NOT_PRINTABLE.search(source)
    if match is None:
        return 0, 0
    before = source[: match.start()]
    return before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1


def _remedy(problem: str) -> str:
    """Return what usually mends a mistake that libyaml reports."""
    if "\\t" in problem or "cannot start any token" in problem:
        return "indent with spaces, and put text that begins with @, %, ` or a tab in quotes"
    if "mapping values are not allowed" in problem:
        return "a text that holds ': ' needs quotes, and keys of one mapping stand under each other"
    if "expected" in problem or "did not find" in problem:
        return "look for a missing quote, bracket, or a line that is not indented like its neighbours"
    return ""


def _start_of(event: yaml.Event) -> tuple[int, int]:
    mark = event.start_mark
    return (mark.line + 1, mark.column + 1) if mark else (0, 0)


class _Anchored(NamedTuple):
    """A finished node that aliases may name."""

    node: Node
    size: int  # nodes in it, aliases counted as copies
    height: int  # levels in it


class _Open:
    """A collection whose end has not come."""

    __slots__ = ("anchor", "column", "entries", "height", "items", "key", "line", "size")

    def __init__(self, *, mapping: bool, line: int, column: int, anchor: str | None) -> None:
        self.entries: dict[str, tuple[Scalar, Node]] | None = {} if mapping else None
        self.items: list[Node] = []
        self.key: Scalar | None = None  # of a mapping: the key that waits for its value
        self.line = line
        self.column = column
        self.anchor = anchor
        self.size = 1
        self.height = 1


class _Composer:
    """Builds one tree from one stream of events."""

    def __init__(self, file: str) -> None:
        self.faults: list[Fault] = []
        self._file = file
        self._stack: list[_Open] = []
        self._anchors: dict[str, _Anchored | None] = {}  # None: the collection is still open
        self._nodes = 0
        self._aliases = 0
        self._root: Node | None = None

    def compose(self, events: Iterator[yaml.Event]) -> Node:
        documents = 0
        for event in events:
            if type(event) is yaml.ScalarEvent:  # three of four
                self._scalar(event)
                continue
            match event:
                case yaml.MappingStartEvent() | yaml.SequenceStartEvent():
                    self._start(event)
                case yaml.MappingEndEvent() | yaml.SequenceEndEvent():
                    self._end()
                case yaml.AliasEvent():
                    self._alias(event)
                case yaml.DocumentStartEvent():
                    documents += 1
                    if documents > 1:
                        self._stop(event, "a file holds one document", "remove the line '---' and join the parts")
                case _:
                    pass
        if self.faults:
            raise DocumentError(self.faults)
        return self._root if self._root is not None else Scalar(None, "", self._file, 1, 1)

    def _scalar(self, event: yaml.ScalarEvent) -> None:
        # Most events are scalars, so what hardly ever happens costs them no call.
        text, mark = event.value, event.start_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (0, 0)
        node = Scalar(resolve(text) if event.implicit[0] else text, text, self._file, line, column)
        if event.tag is not None:
            self._tag(event)
        self._nodes += 1
        if self._nodes > MAX_NODES:
            self._count(event, 0)
        if event.anchor:
            self._anchors[event.anchor] = _Anchored(node, 1, 0)
        parent = self._stack[-1] if self._stack else None
        if parent is not None and parent.key is None and parent.entries is not None:
            parent.size += 1
            parent.key = node
        else:
            self._place(node, 1, 0)

    def _start(self, event: yaml.MappingStartEvent | yaml.SequenceStartEvent) -> None:
        self._tag(event)
        self._count(event, 1)
        if len(self._stack) >= MAX_DEPTH:
            self._stop(event, f"is nested more than {MAX_DEPTH} deep", "flatten it, or give the parts names")
        if event.anchor:
            self._anchors[event.anchor] = None
        line, column = _start_of(event)
        self._stack.append(_Open(mapping=isinstance(event, yaml.MappingStartEvent), line=line, column=column, anchor=event.anchor))

    def _end(self) -> None:
        done = self._stack.pop()
        place = (self._file, done.line, done.column)
        node: Node = Sequence(tuple(done.items), *place) if done.entries is None else Mapping(done.entries, *place)
        if done.anchor:
            self._anchors[done.anchor] = _Anchored(node, done.size, done.height)
        self._place(node, done.size, done.height)

    def _alias(self, event: yaml.AliasEvent) -> None:
        self._aliases += 1
        if self._aliases > MAX_ALIASES:
            self._stop(event, f"uses more than {MAX_ALIASES} aliases", "write the values out")
        if event.anchor not in self._anchors:
            self._stop(event, f"nothing is named &{event.anchor}", "a text that begins with * needs quotes")
        target = self._anchors[event.anchor]
        if target is None:
            self._stop(event, f"*{event.anchor} stands inside what it names", "a part cannot hold itself")
        self._count(event, target.size)
        if len(self._stack) + target.height > MAX_DEPTH:
            self._stop(event, f"is nested more than {MAX_DEPTH} deep, aliases counted", "flatten it, or write the parts out")
        self._place(target.node, target.size, target.height)

    def _place(self, node: Node, size: int, height: int) -> None:
        """Put a finished node where it belongs: key or value of a mapping, item of a list, or the root."""
        if not self._stack:
            self._root = node
            return
        parent = self._stack[-1]
        parent.size += size
        if height >= parent.height:
            parent.height = height + 1
        if parent.entries is None:
            parent.items.append(node)
        elif parent.key is None:
            parent.key = self._as_key(node)
        else:
            key, parent.key = parent.key, None
            if (first := parent.entries.get(key.text)) is not None:
                self._note(fault(key, "stands twice in one mapping", f"the first is on line {first[0].line}; remove one"))
            else:
                parent.entries[key.text] = (key, node)

    def _as_key(self, node: Node) -> Scalar:
        if isinstance(node, Scalar):
            return node
        self._note(fault(node, "a list or a mapping cannot be a key", "a text with { or [ in front needs quotes"))
        return Scalar("", f"\0{node.line}:{node.column}", node.file, node.line, node.column)

    def _tag(self, event: yaml.ScalarEvent | yaml.MappingStartEvent | yaml.SequenceStartEvent) -> None:
        if event.tag is not None:
            hint = "put a value in quotes to keep it text"
            self._note(Fault(self._file, *_start_of(event), "tags are not used here", event.tag[:60], hint))

    def _count(self, event: yaml.Event, size: int) -> None:
        self._nodes += size
        if self._nodes > MAX_NODES:
            self._stop(event, f"holds more than {MAX_NODES:,} values, aliases counted", "split it into several files")

    def _note(self, found: Fault) -> None:
        self.faults.append(found)
        if len(self.faults) >= MAX_FAULTS:
            raise DocumentError(self.faults)

    def _stop(self, event: yaml.Event, message: str, hint: str) -> NoReturn:
        raise DocumentError([*self.faults, Fault(self._file, *_start_of(event), message, hint=hint)])
