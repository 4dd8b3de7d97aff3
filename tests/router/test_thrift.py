"""What candidates cost beside each other, by the shipped prices."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import date
from decimal import Decimal

import pytest

import catalog
from catalog.schema import Mode
from router.plan import Candidate
from router.thrift import UNKNOWN, Thrift
from tests.world import TODAY

THRIFT = Thrift(catalog.load())


def usd(model: str, location: str, mode: Mode = "standard", on: date = TODAY) -> Decimal:
    return THRIFT.usd(Candidate(model, location, mode), on)


def test_a_thousand_tokens_in_and_out_are_reckoned() -> None:
    assert usd("claude-sonnet-4-6", "global") == Decimal("0.018")  # 3 + 15 USD for a million
    assert usd("claude-sonnet-4-6", "europe-west1") == Decimal("0.0198")


def test_credits_count_as_long_as_they_run() -> None:
    before, after = (usd("gemini-3.8-flash", "global", on=day) for day in (TODAY, date(2027, 1, 2)))
    assert before == after / 2


@pytest.mark.parametrize("mode", ["provisioned", "single_zone_provisioned"])
def test_a_reservation_is_paid_for_already(mode: Mode) -> None:
    assert usd("claude-sonnet-4-6", "europe-west1", mode) == 0


@pytest.mark.parametrize(
    ("model", "location", "on"),
    [
        ("no-such-model", "global", TODAY),
        ("claude-sonnet-4-6", "global", date(2020, 1, 1)),
        ("grok-4.20-reasoning", "us", TODAY),
    ],
)
def test_what_is_not_known_is_more_than_any_price(model: str, location: str, on: date) -> None:
    assert usd(model, location, on=on) == UNKNOWN > Decimal(10) ** 9


def test_a_model_that_only_reads_is_compared_by_what_it_reads() -> None:
    assert usd("multilingual-e5-small-maas", "global") < usd("multilingual-e5-large-instruct-maas", "global")


def test_only_a_policy_that_prefers_by_cost_loads_prices() -> None:
    probe = (
        "import sys, json; from router import Policy, Router; Router(Policy(prefer={prefer!r}));"
        "print(json.dumps('catalog.prices' in sys.modules))"
    )
    for prefer, loaded in (("eu", False), ("cost", True)):
        code = probe.format(prefer=prefer)
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert json.loads(done.stdout) is loaded
