"""The targets of `make fuzz` hold for their seeds, and for what Hypothesis makes of them."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from router.contents import Contents
from router.pins import Pin
from tests.fuzz import targets
from tests.fuzz.targets import TARGETS, seeds

each_target = pytest.mark.parametrize("target", TARGETS)


@each_target
def test_a_target_begins_with_a_seed_that_holds(target: str) -> None:
    given_out = list(seeds(target))
    assert given_out
    for seed in given_out:
        TARGETS[target](seed)


class _Bounded:
    """A catalog that takes `global` for a place in Germany."""

    def boundary(self, *_: object) -> SimpleNamespace:
        return SimpleNamespace(countries=frozenset({"de"}))


def _bound_to_nothing(*_: object) -> Contents:
    return Contents(pins=frozenset({Pin("a name", "")}))


@pytest.mark.parametrize(
    ("target", "part", "broken"),
    [
        ("address", "INSIDE", frozenset()),
        ("body", "contents", _bound_to_nothing),
        ("answer", "classify", lambda *_: None),
        ("stream", "_relayed", lambda _kind, _dialect, chunks: (b"".join(chunks) + b"more", False)),
        ("overlay", "catalog", SimpleNamespace(load=lambda **_: _Bounded())),
        ("rows", "Source", lambda *_: [(2, {}), (1, {})]),
    ],
)
def test_a_target_notices_a_part_that_is_broken(
    monkeypatch: pytest.MonkeyPatch, target: str, part: str, broken: object
) -> None:
    first = next(seeds(target))
    monkeypatch.setattr(targets, part, broken)
    with pytest.raises(AssertionError):
        TARGETS[target](first)


@each_target
@given(data=st.data())
@settings(max_examples=60)
def test_a_target_holds_for_damaged_seeds_and_for_anything(target: str, data: st.DataObject) -> None:
    text = bytearray(data.draw(st.binary(max_size=80) | st.sampled_from(list(seeds(target)))))
    for _ in range(data.draw(st.integers(0, 4))):
        at = data.draw(st.integers(0, len(text)))
        text[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=6))
    TARGETS[target](bytes(text))
