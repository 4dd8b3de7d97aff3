from __future__ import annotations

from router.health import LONGEST_BACKOFF_S, backoff_s


def test_backoff_doubles_with_at_most_a_quarter_more() -> None:
    assert [backoff_s(n, lambda: 0.0) for n in (1, 2, 3, 40)] == [1, 2, 4, LONGEST_BACKOFF_S]
    assert backoff_s(1, lambda: 1.0) == 1.25
