from __future__ import annotations

import json
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

import catalog
from catalog.costs import Usage
from catalog.prices import load as load_prices
from router import Policy
from router.batch import Settings
from router.batch.forecast import SAMPLE, Forecast
from router.batch.world import RouterWorld
from tests.world import make_router

DAY = date(2026, 11, 21)
FLASH, CLAUDE = "gemini-2.5-flash", "claude-sonnet-5"


def told(rows: Any, policy: Policy | None = None, model: str = FLASH, **more: Any) -> Forecast:
    router = make_router(policy or Policy())
    return router.batch(rows, model=model).forecast(**more)


def request(text: str = "a", **config: Any) -> dict[str, Any]:
    return {"request": {"contents": [{"role": "user", "parts": [{"text": text}]}], "generationConfig": config}}


def test_both_ways_have_a_price_and_their_locations() -> None:
    rows = [request("x" * 4000, maxOutputTokens=200)] * 50
    found = told(rows)
    (part,) = found.parts
    sent = 50 * len(json.dumps(rows[0]["request"], separators=(",", ":"))) // 4
    assert (part.model, part.rows, part.input_tokens, part.output_tokens) == (FLASH, 50, sent, 10_000)
    usage = Usage.tokens(input=sent, output=10_000, context_tokens=0)
    prices = load_prices()
    assert part.online.usd == prices.cost(usage, FLASH, part.online.locations[0], "standard", DAY).list_usd
    assert part.job.usd == part.online.usd / 2
    assert (
        found.advice
        == f"a batch prediction job, if there is no hurry: it saves {part.job.usd:.2f} USD; else row by row"
    )


def test_a_job_runs_only_where_the_policy_lets_its_processing_stay() -> None:
    served = {
        name for name in catalog.load().locations if catalog.load().served(FLASH, name, "batch", DAY).verdict == "yes"
    }
    (free,) = told([request()]).parts
    assert set(free.job.locations) == served
    (bound,) = told([request()], Policy(residency="eu")).parts
    assert "global" not in bound.job.locations
    assert bound.job.refused or set(bound.job.locations) <= served


def test_where_no_job_is_possible_the_reason_is_told() -> None:
    found = told([{"prompt": "a"}], model=CLAUDE)
    (part,) = found.parts
    assert "for Claude the global endpoint is pay-as-you-go only" in part.job.refused
    assert found.advice == "ask row by row: a batch prediction job is not possible"


def test_models_are_told_apart() -> None:
    rows = [request(), request(), {"custom_id": "a", "params": {"model": CLAUDE, "messages": [], "max_tokens": 7}}]
    parts = {part.model: part for part in told(rows).parts}
    assert {model: part.rows for model, part in parts.items()} == {FLASH: 2, CLAUDE: 1}
    assert parts[CLAUDE].output_tokens == 7
    assert parts[CLAUDE].online.most_usd > parts[CLAUDE].online.usd > Decimal(0), "global is cheaper than us and eu"


def test_for_which_models_no_job_is_possible_is_told() -> None:
    rows = [request(), {"custom_id": "a", "params": {"model": CLAUDE, "messages": [], "max_tokens": 7}}]
    assert told(rows).advice == f"ask row by row: a batch prediction job is not possible for {CLAUDE}"


def test_answers_are_as_long_as_is_expected_or_allowed() -> None:
    assert told([request(maxOutputTokens=5)]).parts[0].output_tokens == 5
    assert told([request()]).parts[0].output_tokens == Settings().max_tokens
    assert told([request(maxOutputTokens=5)], expected_output=9).parts[0].output_tokens == 9


def test_a_measured_rate_tells_the_time() -> None:
    assert told([request()] * 30, rate=2.0).seconds == 15
    assert told([request()] * 30).seconds is None


def test_a_sample_stands_for_all_rows() -> None:
    rows = [request("x" * 400, maxOutputTokens=10)] * (SAMPLE * 3)
    whole, one = told(rows).parts[0], told(rows[:1]).parts[0]
    assert whole.rows == SAMPLE * 3
    assert whole.input_tokens == pytest.approx(SAMPLE * 3 * one.input_tokens, rel=0.01)
    assert whole.output_tokens == SAMPLE * 30


def test_rows_that_cant_be_asked_are_counted() -> None:
    found = told([{"strange": 1}, request()])
    assert (found.rows, found.poisoned, found.parts[0].rows) == (2, 1, 1)
    assert told([{"strange": 1}]).advice == "no row can be asked"


def test_nothing_is_refused_for_a_mode_that_the_policy_does_not_let_requests_ask_for() -> None:
    world = RouterWorld(make_router(Policy(modes=["provisioned"]))._scopes, None, {})  # type: ignore[arg-type]  # not asked
    assert world._explained("batch", FLASH).allowed
    assert not world._explained("standard", FLASH).allowed
