"""Every location has one host, and host and path always name the same location."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

import catalog
from catalog import Location
from router.endpoints import Address, address, body_for_model, for_model
from router.redaction import redacted
from router.stack import Stack
from router.streams import Dialect
from router.target import Incoming, Target, parse
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
    assert str(url) == redacted(vector["address"]), "a key is sent, and not printed"


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


def at_europe_west4(**change: Any) -> Target:
    """A request for a Gemini model, understood; then changed."""
    host, place = "europe-west4-aiplatform.googleapis.com", "/v1/projects/p/locations/europe-west4"
    path = f"{place}/publishers/google/models/a-model:generateContent?x=/models/y:z"
    target = parse(Incoming("POST", "https", host, None, path, {}, b"{}"))
    assert isinstance(target, Target), target
    return msgspec.structs.replace(target, **change)


def test_a_client_with_a_certificate_is_sent_to_the_host_for_certificates() -> None:
    to = address(at_europe_west4(mtls=True), LOCATIONS["us-central1"])
    assert to.host == "us-central1-aiplatform.mtls.googleapis.com"
    assert address(at_europe_west4(own_host="own.example"), LOCATIONS["us-central1"]).host == "own.example"


def test_another_model_takes_the_place_of_the_one_in_the_path_and_of_nothing_else() -> None:
    other = for_model(at_europe_west4(), "b-model")
    assert other.model == "b-model"
    assert other.after == "/publishers/google/models/b-model:generateContent?x=/models/y:z"
    by_body = at_europe_west4(after="/endpoints/openapi/chat/completions")
    assert for_model(by_body, "b-model").after == by_body.after


def test_another_model_takes_the_place_of_the_one_in_the_body_where_that_names_it() -> None:
    body = b'{"model":"google/a-model","seed":12345678901234567890,"x":1.00}'
    assert body_for_model(at_europe_west4(), body, "b-model") == body
    openai = {"dialect": Dialect.OPENAI}
    by_body = at_europe_west4(after="/endpoints/openapi/chat/completions", **openai)
    assert body_for_model(by_body, body, "b-model") == body.replace(b"google/a-model", b"google/b-model")
    assert body_for_model(at_europe_west4(**openai), body, "b-model") == body.replace(b"google/a-model", b"b-model")
