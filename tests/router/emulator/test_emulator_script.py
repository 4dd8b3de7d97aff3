"""Behaviours as they unfold."""

from __future__ import annotations

import pytest

from router.emulator import Behaviour, Failure, Latency, Quota, StreamFault
from router.emulator.script import Script

MODEL = "gemini-3.8-flash"


@pytest.fixture
def script(clock):
    return lambda *behaviours: Script(behaviours, lambda name: name.removesuffix("@alias"), clock)


def outcomes(script, count, location="eu", model=MODEL):
    return [script.failure(location, model) for _ in range(count)]


def test_without_behaviours_all_is_well(script):
    assert outcomes(script(), 3) == ["ok"] * 3
    assert script().outage("eu") is None
    assert script().latency("eu", MODEL) == Latency()


def test_a_bucket_lets_its_burst_through_then_refills_with_time(script, clock):
    emptied = Failure(status=429, retry_delay_s=None)
    ours = script(Behaviour(location="eu", quota=Quota(per_second=0.5, burst=2)))
    assert outcomes(ours, 3) == ["ok", "ok", emptied]
    clock.now += 1.9
    assert outcomes(ours, 1) == [emptied]
    clock.now += 0.2
    assert outcomes(ours, 2) == ["ok", emptied]


def test_a_bucket_never_holds_more_than_its_burst(script, clock):
    ours = script(Behaviour(location="eu", quota=Quota(per_second=10, burst=3)))
    assert outcomes(ours, 3) == ["ok"] * 3
    clock.now += 3600
    assert [each == "ok" for each in outcomes(ours, 4)] == [True, True, True, False]


def test_a_quota_of_nothing_refuses_for_ever(script, clock):
    ours = script(Behaviour(location="eu", quota=Quota(per_second=0, burst=0, retry_delay_s=39)))
    clock.now += 1e6
    assert outcomes(ours, 2) == [Failure(status=429, retry_delay_s=39)] * 2


def test_errors_are_used_up_one_by_one(script):
    ours = script(Behaviour(location="eu", errors=(429, "ok", "overloaded")))
    assert outcomes(ours, 5) == [429, "ok", "overloaded", "ok", "ok"]


def test_repeated_errors_never_end(script):
    ours = script(Behaviour(location="eu", errors=("ok", 503), repeat=True))
    assert outcomes(ours, 5) == ["ok", 503, "ok", 503, "ok"]


def test_a_refusal_for_quota_uses_up_no_error(script, clock):
    ours = script(Behaviour(location="eu", quota=Quota(per_second=1), errors=(503,)))
    assert outcomes(ours, 2) == [503, Failure(status=429)]


def test_everywhere_means_each_location_by_itself(script):
    ours = script(Behaviour(errors=(429,), quota=Quota(per_second=0, burst=2)))
    assert outcomes(ours, 2, "eu") == [429, "ok"]
    assert outcomes(ours, 2, "us") == [429, "ok"]
    assert outcomes(ours, 1, "us") == [Failure(status=429)]


def test_each_aspect_comes_from_the_closest_behaviour(script):
    ours = script(
        Behaviour(outage="silent", answer="everywhere", latency=Latency(first_byte_s=1)),
        Behaviour(model=MODEL, answer="everywhere, model", stream=StreamFault(cut_after=1)),
        Behaviour(location="eu", answer="eu"),
        Behaviour(location="eu", model=MODEL, answer="eu, model"),
    )
    assert ours.answer("eu", MODEL) == "eu, model"
    assert ours.answer("eu", "other") == "eu"
    assert ours.answer("us", MODEL) == "everywhere, model"
    assert ours.answer("us", "other") == "everywhere"
    assert ours.outage("eu", MODEL) == "silent"
    assert ours.latency("eu", MODEL) == Latency(first_byte_s=1)
    assert ours.stream("eu", MODEL) == StreamFault(cut_after=1)
    assert ours.stream("eu", "other") is None


def test_a_model_goes_by_any_of_its_names(script):
    ours = script(Behaviour(location="eu", model=f"{MODEL}@alias", errors=(429,)))
    assert outcomes(ours, 1) == [429]


def test_a_new_behaviour_begins_anew_and_leaves_the_others_alone(script):
    ours = script(Behaviour(location="eu", errors=(429, 503)), Behaviour(location="us", errors=(429, 503)))
    assert (outcomes(ours, 1, "eu"), outcomes(ours, 1, "us")) == ([429], [429])
    ours.set(Behaviour(location="eu", errors=(500,)))
    assert (outcomes(ours, 2, "eu"), outcomes(ours, 2, "us")) == ([500, "ok"], [503, "ok"])


def test_an_empty_behaviour_ends_what_was_there(script):
    ours = script(Behaviour(location="eu", outage="silent"))
    ours.set(Behaviour(location="eu"))
    assert ours.outage("eu") is None
