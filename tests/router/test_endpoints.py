"""Every location has one host, and host and path always name the same location."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import catalog
from catalog import Location
from router.endpoints import Address, address
from router.stack import Stack
from router.target import Target
from tests.router.support import STACKS, each, each_stack, vectors
from tests.router.test_target import asked

LOCATIONS = catalog.load().locations
MOVED = [
    {**vector, "id": f"{vector['id']}-to-{location}", "to": location, "address": url}
    for vector in vectors("targets.toml", "understood")
    for location, url in vector.get("at", {}).items()
]


def target_of(vector: dict[str, Any]) -> Target:
    target = asked(vector)
    assert isinstance(target, Target), target
    return target


@each(MOVED)
def test_host_and_path_move_together_and_all_else_stays_byte_for_byte(vector: dict[str, Any]) -> None:
    to = address(target_of(vector), LOCATIONS[vector["to"]])
    assert f"https://{to.host}{to.raw_path}" == vector["address"]


@each_stack
@each(MOVED)
def test_a_stacks_own_url_keeps_the_address_byte_for_byte(vector: dict[str, Any], module: ModuleType) -> None:
    to = address(target_of(vector), LOCATIONS[vector["to"]])
    url = Stack(module).url(*to)
    assert (url.scheme, url.host, url.port, url.raw_path) == ("https", to.host, None, to.raw_path.encode())
    assert str(url) == vector["address"]


@pytest.mark.parametrize("location", LOCATIONS.values(), ids=LOCATIONS)
def test_every_location_gets_its_canonical_host_whatever_the_client_built(location: Location) -> None:
    """BerriAI/litellm#25926 and #29571, vercel/ai#14634, mlflow#24868, NousResearch/hermes-agent#72065,
    MadAppGang/claudish#145 and #204: multi-regions and `global` were put before the name of the host."""
    path = f"/v1/projects/my-project/locations/{location.id}/publishers/google/models/m:generateContent"
    target = target_of({"url": f"https://{location.id}-aiplatform.googleapis.com{path}"})
    canonical = {
        "global": "aiplatform.googleapis.com",
        "multi_region": f"aiplatform.{location.id}.rep.googleapis.com",
        "region": f"{location.id}-aiplatform.googleapis.com",
    }
    assert address(target, location) == Address(canonical[location.kind], path)


@each(MOVED)
def test_a_request_that_moves_away_and_back_is_the_one_it_was(vector: dict[str, Any]) -> None:
    target = target_of(vector)
    away = address(target, LOCATIONS[vector["to"]])
    moved = target_of({**vector, "url": f"https://{away.host}{away.raw_path}"})
    assert moved.location == vector["to"]
    assert address(moved, LOCATIONS[target.location]) == address(target, LOCATIONS[target.location])


@given(st.sampled_from(STACKS), st.text(max_size=30), st.sampled_from(["eu", "global", "us-central1"]))
def test_whatever_query_a_client_builds_stays_byte_for_byte(module: ModuleType, query: str, location: str) -> None:
    path = "/v1/projects/my-project/locations/us/publishers/anthropic/models/claude-opus-4-7:rawPredict"
    built = module.URL(f"https://aiplatform.us.rep.googleapis.com{path}", params={"q": query})
    target = target_of({"url": f"https://aiplatform.us.rep.googleapis.com{built.raw_path.decode()}"})
    url = Stack(module).url(*address(target, LOCATIONS[location]))
    assert url.host == LOCATIONS[location].host
    assert url.raw_path == built.raw_path.replace(b"/locations/us/", f"/locations/{location}/".encode())
