"""Values behave as the frozen dataclasses do that they take the place of."""

from __future__ import annotations

import copy
import dataclasses
import gc
import pickle
from datetime import UTC, datetime
from pprint import pformat

import pytest

from ctiroute.model import Customer, Identifier, Medium, OfferTerms, Touch, TouchStatus

PHONE = Identifier("phone", "+380671234567")
SENT = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
TOUCH = Touch("t1", "autumn-sms", "Autumn", Medium.SMS, PHONE, SENT, TouchStatus.SENT, OfferTerms("0 %", fields={"amount": "100"}))


def test_a_value_cannot_be_changed() -> None:
    """Setting or deleting a field fails."""
    with pytest.raises(AttributeError):
        PHONE.value = "+380670000000"  # type: ignore[misc]
    with pytest.raises(AttributeError):
        del PHONE.value


def test_a_value_takes_no_further_fields() -> None:
    """A field that is not declared cannot be set, nor passed."""
    assert not hasattr(TOUCH, "__dict__")
    with pytest.raises(TypeError):
        Identifier("phone", "+380671234567", colour="red")  # type: ignore[call-arg]


def test_replace_gives_a_changed_copy() -> None:
    """`dataclasses.replace` knows values, and refuses fields that they do not have."""
    read = dataclasses.replace(TOUCH, status=TouchStatus.READ)
    assert (read.status, read.touch_id, read.offer) == (TouchStatus.READ, "t1", TOUCH.offer)
    assert TOUCH.status is TouchStatus.SENT
    with pytest.raises(TypeError):
        dataclasses.replace(TOUCH, colour="red")  # type: ignore[call-arg]


def test_asdict_goes_all_the_way_down() -> None:
    """Values inside of values become dictionaries, too."""
    plain = dataclasses.asdict(TOUCH)
    assert plain["identifier"] == {"kind": "phone", "value": "+380671234567"}
    assert plain["offer"] == {"title": "0 %", "text": "", "terms": "", "fields": {"amount": "100"}}


def test_fields_say_what_is_there_by_default() -> None:
    """`dataclasses.fields` gives every field, in order, with its default."""
    name, language, attributes = dataclasses.fields(Customer)[1:4]
    assert (name.name, language.name, attributes.name) == ("name", "language", "attributes")
    assert name.default is name.default_factory is dataclasses.MISSING
    assert language.default is None
    assert attributes.default_factory is dict


def test_each_value_has_a_dictionary_of_its_own() -> None:
    """A default that can be changed is not shared."""
    assert Customer("1", "Ann").attributes is not Customer("2", "Bob").attributes


def test_values_are_equal_by_what_they_say() -> None:
    """Equal fields make equal values with equal hashes; another class or another field does not."""
    assert Identifier("phone", "1") == Identifier("phone", "1") != Identifier("phone", "2")
    assert len({Identifier("phone", "1"), Identifier("phone", "1")}) == 1
    assert Identifier("a", "2") < Identifier("b", "1")


def test_values_go_between_processes() -> None:
    """A pickled or copied value equals the first."""
    assert pickle.loads(pickle.dumps(TOUCH)) == TOUCH == copy.deepcopy(TOUCH)  # noqa: S301 - our own bytes


def test_values_can_be_printed() -> None:
    """The text names the class and every field; `pprint` takes it as it is."""
    assert repr(PHONE) == "Identifier(kind='phone', value='+380671234567')" == pformat(PHONE)


def test_garbage_collection_has_no_work_with_values() -> None:
    """Thousands of live ones cost a collection nothing."""
    assert not gc.is_tracked(TOUCH)
