"""The targets of `make fuzz` hold for their seeds, and for what Hypothesis makes of them."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzz.targets import TARGETS, seeds

each_target = pytest.mark.parametrize("target", TARGETS)


@each_target
def test_a_target_begins_with_a_seed_that_holds(target: str) -> None:
    given_out = list(seeds(target))
    assert given_out
    for seed in given_out:
        TARGETS[target](seed)


@each_target
@given(data=st.data())
@settings(max_examples=60)
def test_a_target_holds_for_damaged_seeds_and_for_anything(target: str, data: st.DataObject) -> None:
    text = bytearray(data.draw(st.binary(max_size=80) | st.sampled_from(list(seeds(target)))))
    for _ in range(data.draw(st.integers(0, 4))):
        at = data.draw(st.integers(0, len(text)))
        text[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=6))
    TARGETS[target](bytes(text))
