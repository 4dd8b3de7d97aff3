from __future__ import annotations

import tomllib
from datetime import date
from decimal import Decimal
from fractions import Fraction
from math import ceil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import catalog
from catalog import Model
from catalog.costs import Amount, Usage
from catalog.schema import Throughput
from catalog.throughput import UnknownThroughput, gsus, per_request, terms, throughput_of

VECTORS = tomllib.loads((Path(__file__).parents[1] / "vectors" / "prices_throughput.toml").read_text(encoding="utf-8"))[
    "vector"
]
DAY = date(2026, 1, 5)


def throughput(**fields: Any) -> Throughput:
    told = {"per_second": Decimal(100), "burndown": {"input": Decimal(1), "output": Decimal(4)}, **fields}
    return Throughput(**{"since": DAY, "source": "page", "where": "row", "checked": DAY, **told})


def model(*claims: Throughput) -> Model:
    return Model(
        id="robin",
        name="Robin",
        publisher="acme",
        family="robin",
        task="text",
        methods=(),
        stage="ga",
        throughput=claims,
    )


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["documentation"][:60])
def test_a_load_needs_and_costs_what_the_page_says(vector: dict[str, Any]) -> None:
    asked, expect = vector["given"], vector["expect"]
    burndown = {kind: Decimal(units) for kind, units in asked["burndown"].items()}
    claim = throughput(
        per_second=Decimal(asked["per_second"]), burndown=burndown, minimum_gsu=1, increment_gsu=asked["increment_gsu"]
    )
    need = gsus(claim, asked["requests_per_second"], asked["per_request"])
    assert need.per_second == expect["per_second"]
    assert round(need.exact, 3) == Fraction(expect["exact"])
    assert need.gsus == expect["gsus"]
    found = {each.commitment.term: each for each in terms(need.gsus, asked["publisher"], asked["on"])}
    assert {term: str(each.usd) for term, each in found.items()} == expect["usd"]
    assert {term: str(each.total_usd) for term, each in found.items()} == expect["total_usd"]


@pytest.mark.parametrize(
    ("load", "minimum", "increment", "bought"),
    [
        (0, None, None, 1),
        (1, None, None, 1),
        (100, None, None, 1),
        (101, None, None, 2),
        (101, 5, 1, 5),
        (501, 5, 1, 6),
        (501, 5, 5, 10),
        (1001, 5, 5, 15),
        (1500, 5, 5, 15),
    ],
)
def test_what_is_bought_is_the_minimum_and_whole_increments_on_top(
    load: int, minimum: int | None, increment: int | None, bought: int
) -> None:
    assert gsus(throughput(minimum_gsu=minimum, increment_gsu=increment), 1, {"input": load}).gsus == bought


def test_a_part_of_a_request_in_a_second_is_reckoned_exactly() -> None:
    need = gsus(throughput(), Fraction(1, 3), {"input": 300, "output": Decimal("0.75")})
    assert (need.per_second, need.exact, need.gsus) == (101, Fraction(101, 100), 2)


def test_a_kind_without_a_burndown_is_unknown_and_the_known_ones_are_said() -> None:
    with pytest.raises(UnknownThroughput, match="no burndown is known of audio, video; known are input, output"):
        gsus(throughput(), 1, {"video": 1, "input": 1, "audio": 1})


def test_a_larger_context_has_its_own_throughput() -> None:
    usual, long = throughput(), throughput(above_context_tokens=200_000, per_second=Decimal(50))
    for claims in ((usual, long), (long, usual)):
        assert throughput_of(model(*claims), DAY) is usual
        assert throughput_of(model(*claims), DAY, 200_000) is usual
        assert throughput_of(model(*claims), DAY, 200_001) is long


def test_of_claims_about_the_same_the_latest_holds() -> None:
    earlier, later = throughput(), throughput(since=date(2026, 6, 1), per_second=Decimal(50))
    assert throughput_of(model(earlier, later), date(2026, 5, 31)) is earlier
    assert throughput_of(model(earlier, later), date(2026, 6, 1)) is later


def test_throughput_that_no_claim_speaks_of_is_unknown() -> None:
    with pytest.raises(UnknownThroughput, match="no claim says what a GSU of 'robin' gives on 2020-01-01"):
        throughput_of(model(throughput()), date(2020, 1, 1))


def test_googles_example_holds_with_the_shipped_catalog_and_prices() -> None:
    flash = catalog.load().model("gemini-2.0-flash")
    told = throughput_of(flash, DAY)
    need = gsus(told, 10, per_request(told, Usage.tokens(input={"text": 1000, "audio": 500}, output=300)))
    assert (need.per_second, round(need.exact, 2), need.gsus) == (57_000, Fraction("16.96"), 17)
    assert [term.usd for term in terms(need.gsus, flash.publisher, DAY)] == [20_400, 45_900, 40_800, 34_000]


def test_the_price_list_is_not_known_to_hold_for_claude() -> None:
    with pytest.raises(UnknownThroughput, match="account representative"):
        terms(17, "anthropic", DAY)


def test_before_the_price_list_a_price_is_unknown() -> None:
    with pytest.raises(UnknownThroughput, match="no price of a GSU is known for 'google' on 2020-01-01"):
        terms(17, "google", date(2020, 1, 1))


def test_the_longer_the_term_the_cheaper_a_month() -> None:
    months = [term.usd for term in terms(1, "google", DAY) if term.commitment.period == "month"]
    assert months == sorted(months, reverse=True)


loads = st.integers(0, 10**9)


@given(loads, loads, st.integers(1, 500), st.integers(1, 50))
def test_what_is_bought_carries_the_load_and_one_increment_less_would_not(
    read: int, written: int, minimum: int, increment: int
) -> None:
    claim = throughput(minimum_gsu=minimum, increment_gsu=increment)
    need = gsus(claim, 1, {"input": read, "output": written})
    assert need.exact == Fraction(read + 4 * written, 100)
    assert need.gsus >= max(minimum, ceil(need.exact))
    assert (need.gsus - minimum) % increment == 0
    assert need.gsus == minimum or need.gsus - increment < need.exact


@given(st.integers(1, 10**6))
def test_a_term_costs_in_proportion_to_its_units_and_weeks_or_months(count: int) -> None:
    for one, many in zip(terms(1, "google", DAY), terms(count, "google", DAY), strict=True):
        assert many.usd == one.usd * count
        assert many.total_usd == many.usd * many.commitment.periods


def test_a_usage_is_named_as_its_burndown_names_it() -> None:
    usage = Usage.tokens(input={"text": 10, "audio": 5}, output=3, cache_read={"text": 7, "image": 1})
    finely = throughput(burndown={"input_text": 1, "input_audio": 7, "output_text": 4, "cache_read": Decimal("0.1")})
    coarsely = throughput(burndown={"input": 1, "output": 5, "cache_read": Decimal("0.1")})
    assert per_request(finely, usage) == {"input_text": 10, "input_audio": 5, "output_text": 3, "cache_read": 8}
    assert per_request(coarsely, usage) == {"input": 15, "output": 3, "cache_read": 8}


def test_a_use_without_a_burndown_or_in_another_unit_is_unknown() -> None:
    given = throughput(burndown={"input_text": 1})
    for usage in (Usage.tokens(output=1), Usage((Amount("input", 1, "text", "character"),))):
        with pytest.raises(UnknownThroughput, match=r"no burndown is known of (output|input) of text"):
            gsus(given, 1, per_request(given, usage))
