"""What in a request binds it to one location, and what does not."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.pins import pinned_locations
from router.target import Target
from tests.router.test_target import ask

URL = (
    "https://europe-west4-aiplatform.googleapis.com/v1/projects/p/locations/europe-west4/"
    "publishers/google/models/gemini-2.5-flash:generateContent"
)


def pins(body: Any, **dumped: Any) -> set[str]:
    """The pins of a request to europe-west4 with this body."""
    target = ask(URL)
    assert isinstance(target, Target)
    return set(pinned_locations(target, body if isinstance(body, bytes) else json.dumps(body, **dumped).encode()))


def name(resource: str, location: str = "us-central1") -> str:
    return f"projects/p/locations/{location}/{resource}"


def user(text: str) -> dict[str, Any]:
    return {"contents": [{"role": "user", "parts": [{"text": text}]}]}


CORPUS = {"ragCorpus": name("ragCorpora/1")}


@pytest.mark.parametrize(
    ("what", "body"),
    [
        ("a cache", {"cachedContent": name("cachedContents/123")}),
        ("a cache, as some clients write it", {"cached_content": name("cachedContents/123")}),
        ("an endpoint", {"model": name("endpoints/123")}),
        ("a tuned model", {"model": name("models/123@1")}),
        ("a corpus", {"tools": [{"retrieval": {"vertexRagStore": {"ragResources": [CORPUS]}}}]}),
        ("a template of Model Armor", {"modelArmorConfig": {"promptTemplateName": name("templates/t")}}),
        ("an operation", {"operationName": name("operations/1")}),
        ("a reasoning engine", {"name": name("reasoningEngines/1/sessions/2")}),
        ("a kind that no one has heard of", {"x": {"y": [name("novelties/1")]}}),
        ("a name as a key", {name("cachedContents/123"): 1}),
    ],
    ids=lambda each: each.replace(" ", "-") if isinstance(each, str) else "",
)
def test_the_name_of_a_located_resource_binds_the_request_to_its_location(what: str, body: Any) -> None:
    assert pins(body) == {"us-central1"}
    assert pins(body, indent=2) == {"us-central1"}
    assert pins(json.dumps(body).replace("/", "\\/").encode()) == {"us-central1"}


@pytest.mark.parametrize("location", ["europe-west4", "eu", "us", "global", "asia-northeast1"])
def test_a_pin_is_the_location_in_the_name_whatever_the_request_says(location: str) -> None:
    assert pins({"cachedContent": name("cachedContents/123", location)}) == {location}


@pytest.mark.parametrize("key", ["cachedContent", "cached_content"])
@pytest.mark.parametrize("short", ["123", "cachedContents/123", "cachedContents\\/123"])
def test_the_short_name_of_a_cache_means_the_clients_own_location(key: str, short: str) -> None:
    assert pins(f'{{"{key}" : "{short}"}}'.encode()) == {"europe-west4"}


def test_names_of_two_locations_are_both_pins() -> None:
    """No location can serve such a request; that is for the planner to say."""
    body = {"cachedContent": name("cachedContents/1", "us-east1"), "x": name("ragCorpora/1", "us-west1")}
    assert pins(body) == {"us-east1", "us-west1"}
    assert pins({"cachedContent": "123", "x": name("ragCorpora/1", "us-west1")}) == {"europe-west4", "us-west1"}


@pytest.mark.parametrize(
    ("what", "body"),
    [
        ("a data store", {"datastore": name("collections/default_collection/dataStores/d", "global")}),
        ("an engine of search", {"engine": name("collections/default_collection/engines/e", "us")}),
        ("a data store by its older name", {"datastore": name("dataStores/d", "eu")}),
        ("a key", {"encryptionSpec": {"kmsKeyName": name("keyRings/r/cryptoKeys/k")}}),
        ("a model of a publisher", {"model": name("publishers/google/models/gemini-2.5-flash")}),
        ("a location and nothing in it", {"parent": "projects/p/locations/us-central1"}),
        ("a file in a bucket", {"fileData": {"fileUri": "gs://bucket/projects/p/locations/us/cachedContents/1"}}),
        ("a prompt that speaks of a resource", user(f"what is {name('cachedContents/123')} for?")),
        ("a prompt that begins with a resource", user(f"{name('cachedContents/123')} is slow")),
        ("a prompt with a piece of JSON", user('{"cachedContent": "123"}')),
        ("a prompt with a name in quotes", user(f'use "{name("endpoints/1")}"')),
        ("a thought signature", {"contents": [{"parts": [{"text": "a", "thoughtSignature": "Q2FjaGVk/locations/"}]}]}),
        ("no cache", {"cachedContent": None}),
        ("an empty name of a cache", {"cachedContent": ""}),
        ("a prompt of one word", user("cached locations")),
        ("an empty body", b""),
        ("a body that is no JSON", b"\xff\x00 projects/p/locations/us/endpoints/1"),
    ],
    ids=lambda each: each.replace(" ", "-") if isinstance(each, str) else "",
)
def test_anything_else_leaves_the_request_free_to_move(what: str, body: Any) -> None:
    assert pins(body) == set()
    assert body == b"" or isinstance(body, bytes) or pins(body, indent=2) == set()


def test_a_body_that_can_be_read_once_has_no_pins_to_be_seen() -> None:
    target = ask(URL)
    assert isinstance(target, Target)
    assert pinned_locations(target, None) == frozenset()


@given(st.text())
def test_a_prompt_is_bound_to_nothing_unless_it_is_a_name_as_a_whole(text: str) -> None:
    assert pins(user(f"{text} {name('cachedContents/123')} {text}")) == set()


@given(st.binary(max_size=100))
def test_no_body_whatsoever_makes_looking_for_pins_fail(body: bytes) -> None:
    assert isinstance(pins(b'{"cachedContent": "locations' + body), set)
