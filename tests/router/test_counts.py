from __future__ import annotations

from router.counts import Counts


def test_it_counts_by_name() -> None:
    counts = Counts()
    assert counts.as_dict() == {}
    for name in ("a", "b", "a"):
        counts.add(name)
    assert counts.as_dict() == {"a": 2, "b": 1}
