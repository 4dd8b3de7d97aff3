from __future__ import annotations

import pytest

from router.affinity import PREFIX_BYTES, Affinity, affinity_key
from router.plan import Pool
from tests.world import Clock

POOL = Pool("p", "m", "eu", "standard")
ELSEWHERE = POOL._replace(location="us")
SYSTEM = b'{"contents": [{"role": "user", "parts": [{"text": "' + b"x" * PREFIX_BYTES


def test_turns_of_one_conversation_have_one_key() -> None:
    assert affinity_key("m", SYSTEM + b'"}]}]}') == affinity_key("m", SYSTEM + b'"}]}, {"role": "model"}]}')


@pytest.mark.parametrize("other", [b"y" + SYSTEM[1:] + b"!", SYSTEM[: PREFIX_BYTES - 2] + b"zz!"])
def test_other_conversations_have_others(other: bytes) -> None:
    assert affinity_key("m", SYSTEM + b"!") != affinity_key("m", other)


def test_so_has_another_model() -> None:
    assert affinity_key("m", SYSTEM + b"!") != affinity_key("n", SYSTEM + b"!")


@pytest.mark.parametrize("body", [None, b"", b"x" * PREFIX_BYTES])
def test_what_is_too_short_to_be_cached_has_none(body: bytes | None) -> None:
    assert affinity_key("m", body) == ""


def test_the_callers_own_key_goes_before_everything() -> None:
    assert affinity_key("m", SYSTEM, "session-7") == affinity_key("m", None, "session-7") != affinity_key("m", SYSTEM)


def test_a_conversation_is_remembered_for_a_while_after_its_last_answer() -> None:
    clock = Clock()
    affinity = Affinity(300, clock)
    affinity.answered("a", POOL)
    clock.now += 299
    assert affinity.pool("a") == POOL
    affinity.answered("a", ELSEWHERE)
    clock.now += 299
    assert affinity.pool("a") == ELSEWHERE
    clock.now += 1
    assert affinity.pool("a") is None


def test_no_key_is_remembered_by_nobody() -> None:
    affinity = Affinity(300, Clock())
    affinity.answered("", POOL)
    assert affinity.pool("") is None


def test_memory_is_bounded() -> None:
    affinity = Affinity(300, Clock())
    for number in range(10_000):
        affinity.answered(str(number), POOL)
    assert affinity.pool("0") is None
    assert affinity.pool("9999") == POOL
