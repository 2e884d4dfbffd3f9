"""Frozen records with a quicker constructor: they are what they were in every other way."""

from __future__ import annotations

import copy
import inspect
import pickle
from dataclasses import FrozenInstanceError, dataclass, field, fields, replace

import pytest

from ctiroute.model.quick import quick


@quick
@dataclass(frozen=True, slots=True, order=True)
class Point:
    """A record with every sort of field."""

    x: int
    y: int = 2
    names: dict[str, str] = field(default_factory=dict)


@quick
@dataclass(frozen=True, slots=True)
class Positive:
    """A record that looks at what it was given."""

    value: int

    def __post_init__(self) -> None:
        """Refuse what is not positive."""
        if self.value <= 0:
            raise ValueError("not positive")


def test_fields_defaults_and_factories() -> None:
    """Each by place or by name; a factory makes one for each."""
    assert (Point(1).x, Point(1).y, Point(1).names) == (1, 2, {})
    assert Point(1, names={"a": "b"}, y=3) == Point(1, 3, {"a": "b"})
    assert Point(1).names is not Point(1).names
    assert type(Point(1)) is Point


def test_it_stays_frozen() -> None:
    """Nothing can be set or removed, and nothing can be added."""
    point = Point(1)
    with pytest.raises(FrozenInstanceError):
        point.x = 2  # type: ignore[misc] # what is tested
    with pytest.raises(FrozenInstanceError):
        del point.x
    with pytest.raises((FrozenInstanceError, AttributeError, TypeError)):
        point.z = 2  # type: ignore[attr-defined] # what is tested


def test_copies_orders_and_words() -> None:
    """What else a dataclass does."""
    point = Point(1, 3)
    assert copy.copy(point) == copy.deepcopy(point) == pickle.loads(pickle.dumps(point)) == point  # noqa: S301 - our own
    assert replace(point, y=4) == Point(1, 4) > point
    assert hash(Positive(3)) == hash(Positive(3))
    assert repr(point) == "Point(x=1, y=3, names={})"
    assert [each.name for each in fields(point)] == ["x", "y", "names"]
    assert list(inspect.signature(Point).parameters) == ["x", "y", "names"]


def test_wrong_arguments_are_named() -> None:
    """As of any function; nothing half made is left."""
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'x'"):
        Point()  # type: ignore[call-arg] # what is tested
    with pytest.raises(TypeError, match="unexpected keyword argument 'z'"):
        Point(1, z=2)  # type: ignore[call-arg] # what is tested


def test_what_a_record_checks_is_checked() -> None:
    """`__post_init__` sees the closed record."""
    assert Positive(1).value == 1
    with pytest.raises(ValueError, match="not positive"):
        Positive(0)


@dataclass(frozen=True)
class WithoutSlots:
    """Not made for it."""

    x: int


@dataclass(frozen=True, slots=True)
class Based(Positive):
    """Not made for it."""


@dataclass(frozen=True, slots=True)
class ByNameOnly:
    """Not made for it."""

    x: int = field(kw_only=True)


@pytest.mark.parametrize("kind", [WithoutSlots, Based, ByNameOnly])
def test_other_classes_are_refused(kind: type) -> None:
    """At once, where the class is made."""
    with pytest.raises(TypeError, match="is not a frozen dataclass with slots and plain fields alone"):
        quick(kind)
