from __future__ import annotations

from datetime import date
from typing import get_args

import msgspec
import pytest

from catalog import Availability, Claim, Jurisdiction, Location, Model, Processing, Retirement, Source
from catalog.schema import CONFIDENCES, KINDS, MODES, Confidence, DataSharing, Kind, Mode

DAY = date(2026, 11, 21)
FIRST, LAST = date(2026, 3, 1), date(2026, 9, 1)


def claim(until: date | None = None) -> Claim:
    return Claim(since=FIRST, until=until, source="s", where="w", checked=DAY)


@pytest.mark.parametrize(
    ("on", "holds"),
    [
        (date(2026, 2, 28), False),
        (FIRST, True),
        (date(2026, 8, 31), True),
        (LAST, False),
        (date(2027, 1, 1), False),
    ],
)
def test_a_claim_holds_from_its_first_day_until_before_its_last(on: date, holds: bool) -> None:
    assert claim(until=LAST).holds(on) is holds


def test_a_claim_without_an_end_goes_on_holding() -> None:
    assert claim().holds(date(2099, 1, 1))


def test_since_is_written_from_in_data() -> None:
    data = {"from": FIRST, "source": "s", "where": "w", "checked": DAY}
    assert msgspec.convert(data, Claim) == claim()


def test_a_claim_is_of_high_confidence_unless_it_says_otherwise() -> None:
    assert claim().confidence == "high"


@pytest.mark.parametrize(
    "kind", [Source, Jurisdiction, Location, Claim, Availability, Processing, Retirement, DataSharing, Model]
)
def test_every_value_is_frozen_and_refuses_unknown_keys(kind: type[msgspec.Struct]) -> None:
    assert kind.__struct_config__.frozen
    assert kind.__struct_config__.forbid_unknown_fields


def test_a_value_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        claim().source = "another"  # type: ignore[misc]


def test_equal_values_are_one_and_can_be_kept_in_a_set() -> None:
    assert len({claim(), claim(), claim(until=LAST)}) == 2


@pytest.mark.parametrize(("values", "type_"), [(KINDS, Kind), (MODES, Mode), (CONFIDENCES, Confidence)])
def test_the_listed_values_are_those_of_the_type(values: tuple[str, ...], type_: object) -> None:
    assert values == get_args(type_)


def test_confidences_are_listed_from_the_least_to_the_most() -> None:
    assert CONFIDENCES == ("low", "medium", "high")
