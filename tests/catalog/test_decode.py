from __future__ import annotations

from datetime import date
from typing import Any, Literal

import msgspec
import pytest

from catalog.decode import DecodeError, decode

Colour = Literal["red", "green"]


class Wheel(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    size: int
    colour: Colour = "red"


class Cart(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    name: str
    wheels: tuple[Wheel, ...] = ()
    spare: Wheel | None = None
    built: date | None = None


def wrong(data: Any, kind: Any = Cart) -> DecodeError:
    with pytest.raises(DecodeError) as caught:
        decode(data, kind)
    return caught.value


def test_data_of_the_right_shape_becomes_the_value() -> None:
    data = {"name": "hay", "wheels": [{"size": 3}, {"size": 4, "colour": "green"}], "built": date(2026, 1, 1)}
    assert decode(data, Cart) == Cart(name="hay", wheels=(Wheel(3), Wheel(4, "green")), built=date(2026, 1, 1))


@pytest.mark.parametrize(
    ("data", "path", "expected"),
    [
        ({}, ("name",), "missing required field `name`; the fields are name, wheels, spare, built"),
        ({"name": 1}, ("name",), "Expected `str`, got `int`"),
        ({"name": "x", "wheel": 1}, ("wheel",), "unknown field `wheel`; the fields are name, wheels, spare, built"),
        ({"name": "x", "wheels": 3}, ("wheels",), "Expected `array`, got `int`"),
        ({"name": "x", "wheels": [{"size": 1}, {}]}, ("wheels", 1, "size"), "missing required field `size`"),
        (
            {"name": "x", "wheels": [{"size": 1, "colour": "blue"}]},
            ("wheels", 0, "colour"),
            "Invalid enum value 'blue'; expected one of green, red",
        ),
        ({"name": "x", "spare": {"size": "big"}}, ("spare", "size"), "Expected `int`, got `str`"),
        (
            {"name": "x", "spare": {"size": 1, "colour": "blue"}},
            ("spare", "colour"),
            "Invalid enum value 'blue'; expected one of green, red",
        ),
        ([], (), "Expected `object`, got `array`"),
    ],
)
def test_a_mistake_is_told_with_its_path_and_what_was_expected(
    data: Any, path: tuple[str | int, ...], expected: str
) -> None:
    error = wrong(data)
    assert error.path == path
    assert expected in str(error)


def test_an_unknown_key_of_an_optional_table_is_told_with_the_fields_there_are() -> None:
    error = wrong({"name": "x", "spare": {"size": 1, "color": "red"}})
    assert error.path == ("spare", "color")
    assert "the fields are size, colour" in str(error)


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        ("1", int),
        (1, str),
        (True, int),
        (1, bool),
        (1.0, int),
        ("2026-01-01", date),
    ],
)
def test_types_are_not_coerced(data: Any, kind: Any) -> None:
    with pytest.raises(DecodeError, match="Expected"):
        decode(data, kind)


def test_a_whole_number_is_good_for_a_number_of_seconds() -> None:
    assert decode(300, float) == 300.0


def test_a_wrong_choice_in_a_list_is_told_with_its_place_and_the_choices() -> None:
    error = wrong(["red", "blue"], tuple[Colour, ...])
    assert error.path == (1,)
    assert str(error) == "Invalid enum value 'blue'; expected one of green, red"


def test_the_message_does_not_repeat_the_path() -> None:
    assert "$" not in str(wrong({"name": "x", "wheels": [{"size": "1"}]}))
