"""The price list of a model, which says what the calculator says."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from catalog import UnknownLocation, UnknownModel, prices
from catalog.costs import Amount, Usage
from catalog.price_table import Rate, rates
from catalog.schema import KINDS
from catalog.tariff import MODALITIES

TODAY = date(2026, 11, 21)
PRICES = prices.load()


def table(model: str, *locations: str, on: date = TODAY) -> tuple[Rate, ...]:
    return rates(PRICES, model, on, locations)


def brief(rate: Rate) -> tuple[object, ...]:
    return rate.locations, rate.context, rate.use, rate.modalities, rate.usd


def test_places_that_cost_the_same_stand_together_and_a_premium_stands_apart() -> None:
    found = [each for each in table("claude-sonnet-4-6") if each.mode == "standard" and each.use == "input"]
    assert [brief(each) for each in found] == [
        (("global",), (0, None), "input", ("text", "image"), Decimal(3)),
        (("multi_region", "region"), (0, None), "input", ("text", "image"), Decimal("3.3")),
    ]


def test_tiers_of_the_context_are_rows_of_their_own() -> None:
    found = [each for each in table("gemini-2.5-pro", "eu") if (each.mode, each.use) == ("standard", "output")]
    assert [brief(each) for each in found] == [
        (("eu",), (0, 200_000), "output", ("text",), Decimal(10)),
        (("eu",), (200_001, None), "output", ("text",), Decimal(15)),
    ]


def test_a_use_of_nothing_in_particular_names_no_modality() -> None:
    (found,) = [each for each in table("claude-opus-5", "global") if each.use == "web_search"]
    assert (found.modalities, found.unit, found.usd, found.per) == ((), "search", 10, 1_000)


def test_modalities_that_cost_differently_are_rows_of_their_own() -> None:
    found = [each for each in table("gemini-2.5-flash", "global") if (each.mode, each.use) == ("standard", "input")]
    assert [(each.modalities, each.usd) for each in found] == [
        (("text", "image", "video"), Decimal("0.3")),
        (("audio",), Decimal(1)),
    ]


@pytest.mark.parametrize(
    "model",
    [
        *("gemini-2.5-pro", "gemini-2.5-flash", "gemini-3.8-flash", "gemini-3.1-flash-lite", "gemini-embedding-2"),
        *("claude-sonnet-4-5", "claude-haiku-5-5", "claude-opus-4-1", "mistral-medium-3", "text-embedding-005"),
    ],
)
def test_every_rate_is_what_the_calculator_answers(model: str) -> None:
    found = table(model)
    for each in found:
        for place in each.locations:
            for modality in each.modalities or MODALITIES[:1]:
                usage = Usage((Amount(each.use, each.per, modality, each.unit),), each.context[0])
                assert PRICES.cost(usage, model, place, each.mode, TODAY).list_usd == each.usd
    said = [(each.mode, place, *each.says) for each in found for place in each.locations]
    assert len(set(said)) == len(said)


@pytest.mark.parametrize("model", ["gemini-3.8-flash", "claude-haiku-5-5", "gemini-2.5-flash", "claude-sonnet-4-5"])
def test_no_use_that_a_claim_prices_is_missing(model: str) -> None:
    claims = [claim for claim in PRICES.of(model) if claim.holds(TODAY)]
    priced = {(mode, use) for claim in claims for use in claim.rates() for mode in claim.modes}
    assert priced <= {(each.mode, each.use) for each in table(model)}


def test_a_location_that_costs_what_its_kind_does_goes_without_saying() -> None:
    for each in table("claude-sonnet-4-6"):
        kinds = {place for place in each.locations if place in KINDS}
        assert not [
            place for place in each.locations if place not in KINDS and PRICES.known.location(place).kind in kinds
        ]


def test_nothing_is_listed_of_a_day_before_the_evidence() -> None:
    assert table("claude-sonnet-4-6", on=date(2020, 1, 1)) == ()


def test_what_is_not_in_the_catalog_is_an_error() -> None:
    with pytest.raises(UnknownModel):
        table("no-such-model")
    with pytest.raises(UnknownLocation):
        table("claude-sonnet-4-6", "mars")
