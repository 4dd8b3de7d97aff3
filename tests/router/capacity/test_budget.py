from __future__ import annotations

from router.capacity.budget import CREDIT_S, Budget
from router.capacity.knobs import Pacing

KNOBS = Pacing(retry_share=0.2, retries_per_s=3.0)


def emptied() -> Budget:
    budget = Budget(KNOBS, 0.0)
    for _ in range(int(3.0 * CREDIT_S)):
        assert budget.retry_at(0.0) == 0.0
    return budget


def test_a_retry_without_credit_waits_until_it_has_come_in() -> None:
    budget = emptied()
    assert budget.retry_at(0.0) == 1 / 3
    assert budget.retry_at(0.0) == 2 / 3
    assert budget.retry_at(1.0) == 1.0


def test_a_fifth_of_the_requests_sent_may_be_repeated_besides() -> None:
    budget = emptied()
    for _ in range(5):
        budget.sent()
    assert budget.retry_at(0.0) == 0.0
    assert budget.retry_at(0.0) > 0.0


def test_credit_is_kept_for_ten_seconds_only() -> None:
    budget = emptied()
    assert [budget.retry_at(1e6) for _ in range(31)] == [1e6] * 30 + [1e6 + 1 / 3]
