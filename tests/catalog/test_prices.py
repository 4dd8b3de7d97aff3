"""What calls cost by the shipped prices, by vectors made apart from them; and the laws of the sums."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal, localcontext
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

import catalog
from catalog import UnknownLocation, UnknownModel, prices
from catalog.costs import Amount, Cost, UnknownPrice, Usage
from catalog.schema import Mode
from catalog.tariff import ANY_MODALITY, Price

VECTORS = Path(__file__).parents[1] / "vectors"
CALLS = tomllib.loads((VECTORS / "prices_calls.toml").read_text(encoding="utf-8"))["vector"]
ROWS = tomllib.loads((VECTORS / "prices_rows.toml").read_text(encoding="utf-8"))["vector"]
TODAY = date(2026, 11, 21)
PRICES = prices.load()
NEW_CLAUDE = ("claude-opus-5", "claude-sonnet-4-6", "claude-haiku-4-5@20251001", "claude-fable-5-2")


def cost(usage: Usage, model: str, location: str = "global", mode: Mode = "standard", on: date = TODAY) -> Cost:
    return PRICES.cost(usage, model, location, mode, on)


def unknown(usage: Usage, model: str, location: str = "global", mode: Mode = "standard", on: date = TODAY) -> str:
    """What is said of a price that is not known."""
    with pytest.raises(UnknownPrice) as caught:
        cost(usage, model, location, mode, on)
    return str(caught.value)


# Every price of the sources

WHERE = {
    "global": ("global",),
    "multi_region": ("us", "eu", "multi_region"),
    "region": ("us-east5", "europe-west1", "region"),
    "anywhere": ("global", "us", "eu", "europe-west4", "asia-southeast1"),
}
SIZES = {"<=": 0, ">=": 0, "<": -1, ">": 1}
ROW = re.compile(
    r"(?P<mode>\w+) (?P<use>\w+) of (?P<modalities>[\w+]+), (?P<where>\w+)(?: (?P<bound>[<>]=?)(?P<size>\d+)k)?:"
    r" (?P<usd>[\d.]+) per (?P<quantity>[\d_]+) (?P<unit>\w+)(?P<net> net)?(?:, not the [\d.]+ printed)?"
)


class Row(NamedTuple):
    """One price of a source, as a usage and a question."""

    model: str
    on: date
    use: str
    modalities: list[str]
    places: tuple[str, ...]
    mode: Any
    context: int
    usd: Decimal
    quantity: int
    unit: str
    net: bool


def row(model: str, on: date, line: str) -> Row:
    found = ROW.fullmatch(line)
    assert found, line
    part = found.groupdict()
    modalities = ["text"] if part["modalities"] == ANY_MODALITY else part["modalities"].split("+")
    context = int(part["size"]) * 1000 + SIZES[part["bound"]] if part["size"] else 1000
    return Row(
        model,
        on,
        part["use"],
        modalities,
        WHERE[part["where"]],
        part["mode"],
        context,
        Decimal(part["usd"]),
        int(part["quantity"]),
        part["unit"],
        bool(part["net"]),
    )


@pytest.mark.parametrize("vector", ROWS, ids=lambda vector: vector["documentation"])
def test_the_calculator_gives_every_price_of_the_sources(vector: dict[str, Any]) -> None:
    asked = [
        row(model, vector["given"]["on"], line) for model in vector["given"]["models"] for line in vector["expect"]
    ]
    for each in asked:
        for place in each.places:
            for modality in each.modalities:
                amount: Any = Amount(each.use, each.quantity, modality, each.unit)  # type: ignore[arg-type]
                answer = cost(Usage((amount,), each.context), each.model, place, each.mode, each.on)
                assert (answer.net_usd if each.net else answer.list_usd) == each.usd, (each, place)


def test_the_rows_are_all_those_of_the_sources() -> None:
    """748 were read: these, four of provisioned throughput, and three that are rules."""
    assert sum(len(vector["expect"]) for vector in ROWS) == 748 - 4 - 3


def test_where_sources_contradict_each_other_the_losing_figure_is_warned_of() -> None:
    printed = re.compile(r", not the ([\d.]+) printed")
    for vector in ROWS:
        for line in vector["expect"]:
            if lost := printed.search(line):
                each = row(vector["given"]["models"][0], vector["given"]["on"], line)
                answer = cost(
                    Usage((Amount(each.use, 1, "text", each.unit),), 1),  # type: ignore[arg-type]
                    each.model,
                    each.places[0],
                    each.mode,
                    each.on if each.mode == "standard" else TODAY,
                )
                assert any(lost[1] in warning for warning in answer.warnings), line


# Calls reckoned by hand


def usage_of(vector: dict[str, Any]) -> Usage:
    amounts = []
    for each in vector["given"]["usage"]:
        use, modality, quantity, unit = each.split()
        amounts.append(Amount(use, int(quantity), modality, unit))
    return Usage(tuple(amounts), vector["given"].get("context_tokens"))


@pytest.mark.parametrize("vector", CALLS, ids=lambda vector: vector["documentation"][:60])
def test_a_call_costs_what_was_reckoned_by_hand(vector: dict[str, Any]) -> None:
    asked, expect = vector["given"], vector["expect"]
    answer = cost(usage_of(vector), asked["model"], asked["location"], asked.get("mode", "standard"), asked["on"])
    assert [line.list_usd for line in answer.lines] == [Decimal(usd) for usd in expect["lines"]]
    assert answer.list_usd == Decimal(expect["list_usd"])
    assert answer.credit_usd == Decimal(expect.get("credit_usd", "0"))
    assert answer.net_usd == answer.list_usd - answer.credit_usd
    assert answer.credit_until == expect.get("credit_until")
    assert bool(answer.warnings) == bool(expect.get("warns"))
    for warning in expect.get("warns", []):
        assert any(warning in each for each in answer.warnings)


@pytest.mark.parametrize("vector", [*CALLS, *ROWS], ids=lambda vector: vector["documentation"][:60])
def test_a_vector_says_what_it_shows_and_where_it_was_read(vector: dict[str, Any]) -> None:
    assert set(vector) == {"documentation", "source", "given", "expect"}
    assert set(vector["given"]) <= {"model", "models", "location", "mode", "on", "context_tokens", "usage"}
    assert vector["source"].startswith("https://")


# What an answer says


def test_each_line_says_its_rate_its_source_and_the_rules_that_made_it() -> None:
    read, written = cost(Usage.tokens(cache_read=1000, output=10), "claude-fable-5-2", "eu").lines
    assert (read.amount.use, read.usd, read.per) == ("cache_read", Decimal("0.22"), 1_000_000)
    assert (read.source, [factor.times for factor in read.factors]) == ("prices-genai-prices", [Decimal("1.1")])
    assert written.list_usd == Decimal("0.00044")
    assert {claim.source for claim in written.claims()} == {"prices-genai-prices", "prices-anthropic-2026-09"}


def test_a_model_can_be_asked_for_by_any_of_its_names() -> None:
    usage = Usage.tokens(input=1000)
    assert cost(usage, "claude-sonnet-4-5").lines == cost(usage, "claude-sonnet-4-5@20250929").lines
    assert PRICES.of("claude-sonnet-4-5") == PRICES.of("claude-sonnet-4-5@20250929") != ()


def test_nothing_used_costs_nothing_and_asks_for_no_price() -> None:
    assert cost(Usage(), "grok-4.6", "us").list_usd == 0
    assert cost(Usage.tokens(input=0, output={"audio": 0}), "grok-4.6", "us").lines == ()


def test_evidence_of_low_confidence_is_warned_of() -> None:
    answer = cost(Usage.tokens(cache_read=1000), "claude-sonnet-5-5", on=date(2026, 10, 1))
    assert [warning for warning in answer.warnings if "low confidence" in warning]


# Rules


@pytest.mark.parametrize("model", NEW_CLAUDE)
@pytest.mark.parametrize("place", ["us", "eu", "europe-west1", "asia-southeast1", "me-central1", "region"])
def test_claude_from_sonnet_4_5_on_costs_a_tenth_more_elsewhere_than_on_global(model: str, place: str) -> None:
    usage = Usage.tokens(input=1000, output=1000, cache_read=1000, cache_write_5m=1000, cache_write_1h=1000)
    assert cost(usage, model, place).list_usd == cost(usage, model).list_usd * Decimal("1.1")


@pytest.mark.parametrize("model", ["claude-opus-4-1", "claude-sonnet-4", "gemini-2.5-flash", "gpt-oss-120b-maas"])
@pytest.mark.parametrize("place", ["us", "europe-west1"])
def test_others_cost_the_same_everywhere(model: str, place: str) -> None:
    usage = Usage.tokens(input=1000, output=1000)
    model = model if model.startswith("g") else next(each for each in KNOWN if each.startswith(f"{model}@"))
    assert cost(usage, model, place).list_usd == cost(usage, model).list_usd


def test_a_price_that_is_stated_comes_before_one_that_a_rule_would_make() -> None:
    """1.88 is stated for writes in batch, half of 3.75 would be 1.875."""
    assert cost(Usage.tokens(cache_write_5m=1_000_000), "claude-sonnet-4-6", mode="batch").list_usd == Decimal("1.88")


def test_a_premium_that_no_source_speaks_of_yet_is_unknown() -> None:
    said = unknown(Usage.tokens(input=1), "claude-sonnet-4-5@20250929", "us-east5", on=date(2026, 1, 5))
    assert "input: 3 USD per 1,000,000 token of text+image at global" in said
    assert "from 2025-12-17 until 2026-09-28" in said


def test_grok_on_us_is_unknown_and_what_is_known_is_said() -> None:
    said = unknown(Usage.tokens(input=1000, output=10), "grok-4.6", "us")
    assert said.startswith(
        "no price is known of 'grok-4.6' at us in standard mode on 2026-11-21 for input of text (token)"
    )
    assert (
        "input: 2 USD per 1,000,000 token of text at global in standard mode, contexts of 0 to 200,000 tokens" in said
    )


def test_batch_of_a_model_without_a_price_for_it_is_unknown() -> None:
    assert "in batch mode" in unknown(Usage.tokens(input=1), "grok-4.3", mode="batch")


@pytest.mark.parametrize("day", [date(2025, 12, 16), date(2020, 1, 1)])
def test_before_the_evidence_a_price_is_unknown(day: date) -> None:
    assert "from 2025-12-17" in unknown(Usage.tokens(input=1), "gemini-2.5-pro", on=day)


def test_an_error_names_the_amounts_without_a_price_and_only_those() -> None:
    usage = Usage.tokens(input={"text": 5, "audio": 7}, cache_read=3)
    with pytest.raises(UnknownPrice) as caught:
        cost(usage, "claude-opus-5")
    assert [str(amount) for amount in caught.value.missing] == ["input of audio (token)"]
    assert caught.value.known


def test_a_price_by_size_needs_the_size() -> None:
    usage = Usage((Amount("input", 100, "text", "character"),))
    assert "give context_tokens" in unknown(usage, "gemini-1.5-pro", on=date(2026, 1, 5))
    assert "give context_tokens" in unknown(Usage.tokens(output=5), "gemini-2.5-pro")


@pytest.mark.parametrize("mode", ["provisioned", "single_zone_provisioned"])
def test_a_call_on_provisioned_throughput_has_no_price_of_its_own(mode: Mode) -> None:
    assert "paid for by its commitment" in unknown(Usage.tokens(input=1), "gemini-2.5-flash", mode=mode)


def test_what_is_not_in_the_catalog_is_an_error() -> None:
    with pytest.raises(UnknownModel, match="nearest: claude-opus-5"):
        cost(Usage(), "claude-opus-55")
    with pytest.raises(UnknownLocation, match="nearest: europe-west"):
        cost(Usage(), "claude-opus-5", "europe-west0")


# Model Optimizer


@pytest.mark.parametrize(
    ("preference", "low", "high"),
    [("cost", "2.86", "11.3"), ("balanced", "11.3", "22.6"), ("quality", "22.6", "33.9")],
)
def test_model_optimizer_costs_between_two_sums(preference: Any, low: str, high: str) -> None:
    """The first example of the page, 10M tokens in and 2M out: 10 x 0.16 + 2 x 0.63 to 10 x 0.63 + 2 x 2.50."""
    found = PRICES.estimate(Usage.tokens(input=10_000_000, output=2_000_000), "model-optimizer", preference, TODAY)
    assert (found.low_usd, found.high_usd) == (Decimal(low), Decimal(high))
    assert "promises neither" in found.range.note


def test_model_optimizer_has_no_one_price() -> None:
    assert "`estimate` gives the range" in unknown(Usage.tokens(input=1), "model-optimizer")


def test_what_has_no_range_can_not_be_estimated() -> None:
    for usage, model in (
        (Usage.tokens(input={"audio": 1}), "model-optimizer"),
        (Usage.tokens(input=1), "claude-opus-5"),
    ):
        with pytest.raises(UnknownPrice):
            PRICES.estimate(usage, model, "cost", TODAY)


# Usage


def test_usages_add_up_and_keep_the_larger_context() -> None:
    one, other = Usage.tokens(input=3, context_tokens=9), Usage.tokens(output={"audio": 4})
    assert one + other == Usage((Amount("input", 3), Amount("output", 4, "audio")), 9)
    assert (other + one).context == 9


def test_the_context_is_the_input_cached_or_not() -> None:
    usage = Usage.tokens(input={"text": 1, "audio": 2}, cache_read=4, cache_write_5m=8, cache_write_1h=16, output=32)
    assert usage.context == 31
    assert Usage.tokens(output=32, training=64).context is None


@pytest.mark.parametrize(
    ("use", "quantity", "modality", "unit"),
    [
        ("inptu", 1, "text", "token"),
        ("input", 1, "txet", "token"),
        ("input", 1, "text", "tokens"),
        ("input", -1, "text", "token"),
        ("input", 1.5, "text", "second"),
        ("input", Decimal("NaN"), "text", "second"),
        ("input", Decimal("Infinity"), "text", "second"),
    ],
)
def test_an_amount_that_makes_no_sense_is_refused(use: Any, quantity: Any, modality: Any, unit: Any) -> None:
    with pytest.raises(ValueError, match=r"is none of|expected an int or a Decimal"):
        Amount(use, quantity, modality, unit)


# Laws

KNOWN = sorted({name for price in PRICES.tariff.price for name in price.models})
counts = st.integers(0, 10**9)


@st.composite
def questions(draw: st.DrawFn) -> tuple[Price, Callable[[int], Cost]]:
    """A price, and a question of how much of its use costs, which it or a later one answers."""
    price = draw(st.sampled_from(PRICES.tariff.price))
    use, rates = draw(st.sampled_from(sorted(price.rates().items())))
    modality = draw(st.sampled_from(sorted("+".join(rates).split("+"))))
    model, place, mode = (draw(st.sampled_from(each)) for each in (price.models, price.locations, price.modes))
    first, last = price.span
    context = draw(st.integers(first, last or first + 10**6))

    def ask(quantity: int) -> Cost:
        amount: Any = Amount(use, quantity, "text" if modality == ANY_MODALITY else modality, price.unit)
        return cost(Usage((amount,), context), model, "eu" if place == "*" else place, mode, price.since)

    return price, ask


@given(questions(), counts, counts)
def test_a_cost_is_additive(question: tuple[Price, Callable[[int], Cost]], one: int, other: int) -> None:
    ask = question[1]
    assert ask(one).list_usd + ask(other).list_usd == ask(one + other).list_usd
    assert ask(one).net_usd + ask(other).net_usd == ask(one + other).net_usd


@given(questions(), counts, counts)
def test_more_of_a_use_never_costs_less_and_never_less_than_nothing(
    question: tuple[Price, Callable[[int], Cost]], one: int, other: int
) -> None:
    less, more = sorted((one, other))
    assert 0 <= question[1](less).net_usd <= question[1](more).net_usd <= question[1](more).list_usd


@given(questions(), counts, st.integers(1, 8))
def test_a_cost_is_exact_whatever_the_program_reckons_with(
    question: tuple[Price, Callable[[int], Cost]], count: int, digits: int
) -> None:
    price, ask = question
    found = ask(count)
    with localcontext(prec=digits):
        assert ask(count) == found
    if price.per != 30 and count:
        assert found.list_usd * price.per == found.lines[0].usd * count


@given(questions())
def test_an_answer_rests_on_claims_that_hold_and_are_sourced(question: tuple[Price, Callable[[int], Cost]]) -> None:
    price, ask = question
    for line in ask(1).lines:
        assert all(claim.holds(price.since) for claim in line.claims())
        assert all(claim.source in catalog.load().sources for claim in line.claims())


parts = st.dictionaries(st.sampled_from(["input", "output", "cache_read", "cache_write_5m", "cache_write_1h"]), counts)


@given(st.sampled_from(NEW_CLAUDE), parts, parts, st.sampled_from(["global", "eu", "us-east5"]))
def test_a_cost_is_additive_over_uses(model: str, one: Any, other: Any, place: str) -> None:
    first, second = Usage.tokens(**one), Usage.tokens(**other)
    together = cost(first + second, model, place).list_usd
    assert cost(first, model, place).list_usd + cost(second, model, place).list_usd == together


@given(st.sampled_from(NEW_CLAUDE), parts, st.sampled_from(["global", "eu", "us-east5"]))
def test_claude_in_batch_costs_half(model: str, counted: Any, place: str) -> None:
    counted.pop("cache_write_5m", None)  # two of these are printed rounded
    usage = Usage.tokens(**counted)
    assert cost(usage, model, place, "batch").list_usd * 2 == cost(usage, model, place).list_usd


@given(st.sampled_from(["gemini-3.5-flash", "gemini-3.8-flash", "gemini-4-argon"]), counts, counts)
def test_gemini_costs_half_in_batch_and_flex(model: str, read: int, written: int) -> None:
    usage = Usage.tokens(input=read, output=written)
    for mode in ("batch", "flex"):
        assert cost(usage, model, mode=mode).net_usd * 2 == cost(usage, model).net_usd


@given(st.integers(0, 200), st.integers(0, 10**6))
def test_no_credit_is_given_from_its_end_on(days: int, count: int) -> None:
    usage = Usage.tokens(input=count, output=count)
    assert cost(usage, "gemini-3.8-flash", "eu", on=date(2027, 1, 1) + timedelta(days)).credit_usd == 0


@given(st.integers(0, 400_000), st.integers(0, 400_000))
def test_all_tokens_are_at_the_price_of_the_whole_context(fresh: int, cached: int) -> None:
    high = fresh + cached > 200_000
    lines = cost(Usage.tokens(input=fresh, cache_read=cached, output=1), "gemini-2.5-pro").lines
    rates = {line.amount.use: line.usd for line in lines}
    assert rates["output"] == (15 if high else 10)
    assert rates.get("input", 0) in (0, Decimal("2.5") if high else Decimal("1.25"))
