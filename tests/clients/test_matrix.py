"""Every client in each of its ways: on a bad day, in a storm, and what `verify` says of it.

These tests take minutes and need several environments, so they run where a report is asked for
(`make test-clients`); docs/clients.md has the table of what ran.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from router import Router, UnroutedClient, transport
from tests.clients.conftest import RAN, REPORT, WAY, World
from tests.clients.matrix import Driver, here

if not REPORT:
    pytest.skip("`make test-clients` runs these", allow_module_level=True)

# Frameworks warn of one another, and of themselves.
pytestmark = pytest.mark.filterwarnings("ignore")

COLD, STORM = 60, 50
"""The first calls of a storm, all at once, know nothing of the exhausted locations; those that follow know better."""
AMPLIFICATION = 1.2

each_client = pytest.mark.parametrize("driver", here(), ids=lambda driver: driver.name)
each_way = pytest.mark.parametrize(
    ("driver", "way"),
    [pytest.param(driver, way, id=f"{driver.name}-{way}") for driver in here() for way in driver.ways()],
)


@pytest.fixture
def stacks(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Of which stacks the requests are that come to routed transports."""
    seen: set[str] = set()
    tell = transport.stack_of

    def stack_of(request: Any) -> Any:
        stack = tell(request)
        seen.add(stack.module.__name__)
        return stack

    monkeypatch.setattr(transport, "stack_of", stack_of)
    return seen


def asked(router: Router, driver: type[Driver], way: str, *times: int) -> list[str]:
    """The answers to calls through one client; of those in a batch, all are made at once."""
    if way in ("aask", "astream"):
        return asyncio.run(_aasked(router, driver, way, times))
    ours = driver(router)
    try:
        with ThreadPoolExecutor(max(times)) as threads:
            return [text for many in times for text in threads.map(lambda _: getattr(ours, way)(), range(many))]
    finally:
        ours.close()
        asyncio.run(ours.aclose())


async def _aasked(router: Router, driver: type[Driver], way: str, times: tuple[int, ...]) -> list[str]:
    ours = driver(router)
    try:
        batches = [await asyncio.gather(*(getattr(ours, way)() for _ in range(many))) for many in times]
        return [text for batch in batches for text in batch]
    finally:
        await ours.aclose()
        ours.close()


def script(world: World, driver: type[Driver], **errors: Any) -> None:
    """What each location answers, beginning with these errors."""
    for location in ("eu", "europe-west1", "europe-west4"):
        world.emulator.script(location, answer=driver.answer, **errors.get(location.replace("-", "_"), {}))


@each_way
def test_it_fails_over_inside_the_policy(world: World, stacks: set[str], driver: type[Driver], way: str) -> None:
    """googleapis/python-genai#1288: one line adds failing over to an existing client."""
    script(world, driver, eu={"errors": [429]}, europe_west1={"errors": [503]})
    (answer,) = asked(world.router(), driver, way, 1)
    assert world.way == WAY
    assert not answer or "europe-west4" in answer
    world.check_hosts()
    RAN.passed(driver, way, "failover", stacks)


@each_way
def test_a_storm_fails_no_call(world: World, driver: type[Driver], way: str) -> None:
    """BerriAI/litellm#22296, #29808: a storm of streams is answered as one of whole answers is."""
    exhausted = {"errors": [429], "repeat": True}
    script(world, driver, eu=exhausted, europe_west1=exhausted)
    answers = asked(world.router(), driver, way, COLD, STORM)
    assert all(not answer or "europe-west4" in answer for answer in answers)
    assert [trace.outcome for trace in world.traces] == ["answered"] * (COLD + STORM)
    assert sum(len(trace.tried) for trace in world.traces[:COLD]) <= AMPLIFICATION * COLD
    assert sum(len(trace.tried) for trace in world.traces[COLD:]) <= AMPLIFICATION * STORM
    assert len(world.emulator.requests) == sum(len(trace.tried) for trace in world.traces)
    world.check_hosts()
    RAN.passed(driver, way, "storm")


@each_client
def test_it_is_proven_to_be_routed_and_is_not_without_its_line(world: World, driver: type[Driver]) -> None:
    router = world.router()

    async def look() -> None:
        ours = driver(router)
        try:
            for client in ours.routed():
                assert router.verify(client)
            bare = ours.bare()
            if bare is not None:
                with pytest.raises(UnroutedClient) as found:
                    router.verify(bare)
                assert all(path.wrong and path.cure for path in found.value.paths)
        finally:
            await ours.aclose()
            ours.close()

    asyncio.run(look())
    assert world.emulator.requests == ()
    for way in driver.ways():
        RAN.passed(driver, way, "verify")
