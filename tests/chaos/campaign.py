"""Every fault, met by every kind of client: how many were tried, how many survived, and how calls ended."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from types import ModuleType
from typing import NamedTuple

from tests.chaos.calls import Broken, Caller
from tests.chaos.crowd import Crowd, bad_day, open_files
from tests.chaos.faults import Fault
from tests.chaos.scenes import SCENES
from tests.chaos.wire import Wire

Line = tuple[str, str, str]
"""A row's name, how it ended, and what went wrong; empty if nothing did."""


class Row(NamedTuple):
    """One kind of fault."""

    name: str
    tried: int
    survived: int
    ends: Counter[str]


def faulty_calls(module: ModuleType, wire: Wire, faults: Iterable[Fault], *, is_async: bool) -> Iterator[Line]:
    """One call for each fault, one after another through one router, with two connections in all.

    Those that meet faulty doors keep no connection; after each kind of fault calls must be answered again.
    """
    kept, opened = (Caller(module, is_async=is_async, wire=wire, keeps=keeps) for keeps in (True, False))
    with kept, opened:
        group = ""
        for fault in faults:
            caller = opened if fault.doors else kept
            if fault.group != group:
                group = fault.group
                yield from _well(caller, group)
            yield _met(caller, fault)
        for caller in (kept, opened):
            yield from _well(caller, "calls after all")


def _met(caller: Caller, fault: Fault) -> Line:
    end = caller.meet(fault.act, fault.doors, stream=fault.stream)
    try:
        said = caller.judge(end, stream=fault.stream, as_it_came=fault.given)
    except Broken as broken:
        return fault.group, "broken promise", f"{caller.name}, {fault.group} {fault.name}: {broken}"
    wrong = "" if said in fault.ends else f"{caller.name}, {fault.group} {fault.name}: {said}"
    return fault.group, said, wrong


def _well(caller: Caller, group: str) -> Iterator[Line]:
    try:
        caller.check_well()
    except Broken as broken:
        yield group, "locked", f"{caller.name}, before {group}: {broken}"


def scenes(module: ModuleType, wire: Wire, *, is_async: bool) -> Iterator[Line]:
    """Each scene once."""
    for name, scene in SCENES.items():
        try:
            yield name, scene(module, wire, is_async=is_async), ""
        except Broken as broken:
            yield name, "broken promise", f"{module.__name__}, async={is_async}, {name}: {broken}"


def crowds(modules: Iterable[ModuleType], calls: int) -> Iterator[tuple[str, Counter[str], str]]:
    """So many cancelled calls for each stack, and a tenth of it in threads."""
    with bad_day() as emulator:
        for module in modules:
            for name, meet, many in (
                ("many at once, half cancelled", Crowd.cancelled_at_random, calls),
                ("in threads, streams left", Crowd.left_at_random, calls // 10),
            ):
                crowd = Crowd(module, emulator)
                try:
                    meet(crowd, many)
                    yield name, crowd.ends, ""
                except Broken as broken:
                    yield name, crowd.ends, f"{module.__name__}, {name}: {broken}"


class Tally:
    """The table under way."""

    def __init__(self) -> None:
        self.wrong: list[str] = []
        self._tried: dict[str, Counter[str]] = {}
        self._failed: Counter[str] = Counter()

    def add(self, name: str, ends: Counter[str], wrong: str) -> None:
        """What was tried."""
        self._tried.setdefault(name, Counter()).update(ends)
        if wrong:
            self.wrong.append(wrong)
            self._failed[name] += 1

    @property
    def rows(self) -> list[Row]:
        """A row for each kind of fault."""
        return [Row(name, ends.total(), ends.total() - self._failed[name], ends) for name, ends in self._tried.items()]


def campaign(
    modules: Iterable[ModuleType],
    faults: Callable[[], Iterable[Fault]],
    *,
    calls: int,
    progress: Callable[[str], object] = lambda _: None,
) -> Tally:
    """Everything.

    Args:
        faults: gives those that each kind of client meets.
        calls: at once, in a crowd.
        progress: told what is being done.
    """
    tally, wire, files = Tally(), Wire(), open_files()
    with wire.running():
        for module in modules:
            for is_async in (False, True):
                progress(f"{module.__name__}, {'async' if is_async else 'sync'}")
                for name, end, wrong in faulty_calls(module, wire, faults(), is_async=is_async):
                    tally.add(name, Counter([end]), wrong)
                for name, end, wrong in scenes(module, wire, is_async=is_async):
                    tally.add(name, Counter([end]), wrong)
    progress("crowds")
    for name, ends, wrong in crowds(modules, calls):
        tally.add(name, ends, wrong)
    left = open_files() - files
    tally.add("file descriptors left open", Counter({"none": 1}), f"{left} are left" if left > 0 else "")
    return tally
