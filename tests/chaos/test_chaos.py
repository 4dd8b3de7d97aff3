"""A slice of `make chaos`, and that its checks are not blind."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import pytest

from router.clients import Clients
from tests.chaos.calls import Broken, Caller
from tests.chaos.campaign import Tally, faulty_calls
from tests.chaos.crowd import Crowd, bad_day, open_files
from tests.chaos.faults import Fault, cuts, doors, nonsense, silences
from tests.chaos.scenes import SCENES
from tests.chaos.soak import Sample, check_flat
from tests.chaos.wire import Wire
from tests.router.support import STACKS, each_stack

SLICE = [*nonsense(), *list(silences())[::5], *list(doors())[::3], *cuts(149)]
TLS = [each for each in doors() if each.group == "TLS failure"]

each_colour = pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])


@pytest.fixture(scope="module")
def wire() -> Iterator[Wire]:
    made = Wire()
    with made.running():
        yield made


def wrong(module: ModuleType, wire: Wire, faults: list[Fault], *, is_async: bool) -> list[str]:
    """What went wrong; that something was tried is certain."""
    lines = list(faulty_calls(module, wire, faults, is_async=is_async))
    assert len(lines) >= len(faults)
    return [told for *_, told in lines if told]


@each_stack
@each_colour
def test_every_kind_of_fault_is_survived(module: ModuleType, is_async: bool, wire: Wire) -> None:
    assert wrong(module, wire, SLICE, is_async=is_async) == []


@each_stack
@each_colour
@pytest.mark.parametrize("scene", SCENES.values(), ids=SCENES)
def test_names_clocks_and_kept_connections(
    scene: Callable[..., str], module: ModuleType, is_async: bool, wire: Wire
) -> None:
    assert scene(module, wire, is_async=is_async)


@each_stack
def test_a_crowd_of_which_half_is_cancelled_leaves_nothing_behind(module: ModuleType) -> None:
    before = open_files()
    with bad_day() as emulator:
        crowd = Crowd(module, emulator, spread_s=0.5)
        crowd.cancelled_at_random(200)
    assert crowd.ends["cancelled"]
    assert open_files() <= before


def test_a_crowd_may_come_again() -> None:
    """As it does in `make soak`: its calls are told from those before."""
    with bad_day() as emulator:
        crowd = Crowd(STACKS[0], emulator, shared=True)
        for _ in range(2):
            crowd.left_at_random(20)
    assert sum(crowd.ends.values()) == 42


@each_stack
def test_streams_left_in_threads_leave_nothing_behind(module: ModuleType) -> None:
    before = open_files()
    with bad_day() as emulator:
        crowd = Crowd(module, emulator)
        crowd.left_at_random(60)
    assert crowd.ends["left"]
    assert open_files() <= before


# The checks themselves


@each_colour
def test_connections_that_are_lost_for_good_are_noticed(
    is_async: bool, wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Clients, "lost", lambda *_: None)
    assert wrong(STACKS[0], wire, TLS[:3], is_async=is_async)
    monkeypatch.undo()
    assert wrong(STACKS[0], wire, TLS[:3], is_async=is_async) == []


def test_a_trace_that_lies_is_noticed(wire: Wire) -> None:
    with Caller(STACKS[0], is_async=False, wire=wire) as caller:
        end = caller.meet(stream=False)
        assert caller.judge(end, stream=False) == "answered"
        trace = end.traces[0]
        (tried,) = trace.tried
        for tampered in ([], [tried, tried]):
            trace.tried = tampered
            with pytest.raises(Broken, match="the service got"):
                caller.judge(end, stream=False)


def test_a_late_end_a_foreign_body_and_an_error_of_no_type_are_noticed(wire: Wire) -> None:
    with Caller(STACKS[0], is_async=False, wire=wire) as caller:
        end = caller.meet(stream=False)
        lies: list[dict[str, Any]] = [{"took_s": 60.0}, {"given": b"{}"}, {"error": ValueError()}, {"traces": ()}]
        for lie in lies:
            with pytest.raises(Broken):
                caller.judge(end._replace(**lie), stream=False)


def test_a_host_outside_the_policy_is_noticed(wire: Wire) -> None:
    with Caller(STACKS[0], is_async=False, wire=wire) as caller:
        end = caller.meet(stream=False)
        wire.hosts.add("aiplatform.us.rep.googleapis.com")
        try:
            with pytest.raises(Broken, match="outside the policy"):
                caller.judge(end, stream=False)
        finally:
            wire.hosts.discard("aiplatform.us.rep.googleapis.com")


def test_what_was_not_survived_is_counted() -> None:
    tally = Tally()
    tally.add("reset", Counter({"answered": 2}), "")
    tally.add("reset", Counter({"locked": 1}), "it is locked")
    assert [(row.name, row.tried, row.survived) for row in tally.rows] == [("reset", 3, 2)]
    assert tally.wrong == ["it is locked"]


@pytest.mark.parametrize(
    ("memory", "files", "told"),
    [(0.0, 0, ""), (0.2, 0, ""), (1.0, 0, "memory has grown"), (0.0, 2, "open files have grown")],
)
def test_growth_is_told_from_noise(memory: float, files: int, told: str) -> None:
    noise = (0, 40, 7)
    samples = [Sample(at, 100.0 + memory * at, 50 + files * at + noise[at % 3], at) for at in range(60)]
    if not told:
        check_flat(samples)
        return
    with pytest.raises(Broken, match=told):
        check_flat(samples)


def test_too_few_samples_tell_nothing() -> None:
    with pytest.raises(Broken, match="too few"):
        check_flat([Sample(0.0, 1.0, 1, 1)])
