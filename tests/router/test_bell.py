from __future__ import annotations

from router.bell import Bell


def test_a_ring_calls_whoever_listens() -> None:
    bell, heard = Bell(), []
    bell.listen(lambda: heard.append(1))
    bell.ring()
    bell.ring()
    assert heard == [1, 1]


def test_a_ring_before_anybody_listens_is_not_lost() -> None:
    bell, heard = Bell(), []
    bell.ring()
    bell.listen(lambda: heard.append(1))
    assert heard == [1]


def test_reset_forgets_rings_and_listener() -> None:
    bell, heard = Bell(), []
    bell.listen(lambda: heard.append("old"))
    bell.ring()
    bell.reset()
    bell.ring()
    bell.reset()
    bell.listen(lambda: heard.append("new"))
    assert heard == ["old"]
