"""Reads paths and secrets of a settings file: given as such, or as the file they stand in. Knows no setting by name."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ctiroute.documents import Node, Scalar, text
from ctiroute.errors import Fault

if TYPE_CHECKING:
    from ctiroute.documents import Fields


def secret_file(path: Path, where: str, faults: list[Fault]) -> str:
    """Return what a secret's own file holds; "" and a fault at `where` when it cannot be read."""
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError as error:
        faults.append(Fault(where, 0, 0, f"names a file that cannot be read: {error.strerror or error}", str(path)))
    except UnicodeDecodeError:
        faults.append(Fault(where, 0, 0, "names a file that is no text in UTF-8", str(path)))
    return ""


def secret(f: Fields, key: str = "secret") -> str:
    """Return a secret given as such or as the file it stands in. An empty one means that there is none."""
    value = f.get(key, maybe_empty, "")
    if any("\ud800" <= char <= "\udfff" for char in value):  # how Python hands over bytes of the environment that are not UTF-8
        f.wrong(f.node.get(key) or f.node, "holds bytes that are no text", "write it in UTF-8")
    from_file = f.get(f"{key}_file", path_of, None)
    if from_file is None:
        return value
    node = f.node.get(f"{key}_file")
    assert node is not None  # noqa: S101 - it was just read from there
    return secret_file(from_file, f"{node.file}:{node.line}:{node.column}", f.faults)


def maybe_empty(node: Node) -> str:
    """Return text, or "" where nothing is written."""
    return "" if isinstance(node, Scalar) and not node.text else text(node)


def path_of(node: Node) -> Path:
    """Return a path; a relative one in a file is meant from the file's folder, one in a variable from where the command runs."""
    path = Path(text(node)).expanduser()
    return (Path(node.file).parent / path if node.line else path).absolute()
