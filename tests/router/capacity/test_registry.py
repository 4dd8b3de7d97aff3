from __future__ import annotations

from router.capacity.knobs import Pacing
from router.capacity.registry import Registry
from router.plan import Limit
from tests.router.capacity.conftest import A, B, plan


def test_a_pool_is_one_whoever_asks_for_it() -> None:
    registry = Registry(Pacing())
    assert registry.state(A) is registry.state(A)
    assert registry.state(A) is not registry.state(A._replace(mode="priority"))


def test_pools_at_one_location_have_one_host() -> None:
    registry = Registry(Pacing())
    state, other = registry.state(A), registry.state(A._replace(model="n"))
    state.host.failed(0.0, "unreachable", wrong=False)
    registry.host_changed(state.host)
    assert other.ready_at > 0.0
    assert registry.state(B).ready_at == 0.0
    assert registry.stands(A._replace(model="never used"), 0.0).why == "unreachable"


def test_pools_that_share_a_quota_share_its_pace() -> None:
    registry = Registry(Pacing())
    both = [registry.state(A._replace(model=model)) for model in ("m", "n")]
    for state in both:
        registry.share(state, "lineage", 2.0, 0.0)
    assert both[0].quota is both[1].quota
    assert both[0].quota is not None
    assert both[0].quota.pace.rate == 2.0
    assert registry.shared.keys() == {A._replace(model="lineage")}


def test_a_limit_in_tokens_is_known_once_a_requests_size_is() -> None:
    (allowed,) = plan(A.location, limit=Limit(per_second=1000.0, in_tokens=True)).allowed
    assert Registry(Pacing()).pace(Registry(Pacing()).state(A, allowed), 0.0, unit=100.0).rate == 10.0
    assert Registry(Pacing()).pace(Registry(Pacing()).state(A, allowed), 0.0).rate != 1000.0


def test_status_tells_of_pools_that_were_used() -> None:
    registry = Registry(Pacing())
    registry.pace(registry.state(A), 0.0)
    registry.state(B)
    assert [each.pool for each in registry.status(0.0)] == [A]
