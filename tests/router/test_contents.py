"""What a body says of where its request may go: what binds it, what it asks for, and what does neither."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.contents import Contents, contents
from router.target import Target
from tests.router.test_target import ask

URL = (
    "https://europe-west4-aiplatform.googleapis.com/v1/projects/p/locations/europe-west4/"
    "publishers/google/models/gemini-2.5-flash:generateContent"
)


def read(body: Any, url: str = URL, headers: dict[str, str] | None = None, **dumped: Any) -> Contents:
    """What is read in a request to europe-west4 with this body."""
    target = ask(url, body=body if isinstance(body, bytes) else json.dumps(body).encode())
    assert isinstance(target, Target), target
    text = body if body is None or isinstance(body, bytes) else json.dumps(body, **dumped).encode()
    return contents(target, text, headers or {})


def pins(body: Any, **dumped: Any) -> set[str]:
    """The locations that a request to europe-west4 with this body is bound to."""
    return {pin.location for pin in read(body, **dumped).pins}


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
        ("an encryption key", {"encryptionSpec": {"kmsKeyName": name("keyRings/r/cryptoKeys/k")}}),
        ("a name with its service", {"x": "//aiplatform.googleapis.com/" + name("ragCorpora/1")}),
        ("a name as an address", {"x": "https://us-central1-aiplatform.googleapis.com/v1/" + name("ragCorpora/1")}),
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
    ],
    ids=lambda each: each.replace(" ", "-") if isinstance(each, str) else "",
)
def test_anything_else_leaves_the_request_free_to_move(what: str, body: Any) -> None:
    assert pins(body) == set()
    assert body == b"" or isinstance(body, bytes) or pins(body, indent=2) == set()


UNREAD = {
    "one that is read once": (None, {}),
    "no JSON": (b"\xff\x00 projects/p/locations/us/endpoints/1", {}),
    "JSON as only a lenient reader takes it": (b"{'contents': [], tools: [{'googleSearch': {}}]}", {}),
    "JSON with a comma too many": (b'{"contents": [],}', {}),
    "a list": (b"[]", {}),
    "a name given twice": (b'{"tools": [{"googleSearch": {}}], "contents": [], "tools": []}', {}),
    "a name given twice, once with an escape": (b'{"tools": [{"googleSearch": {}}], "t\\u006fols": []}', {}),
    "JSON in another encoding": ('{"contents": []}'.encode("utf-16"), {}),
    "a compressed one": (b'{"contents": []}', {"content-encoding": "gzip"}),
    "one of another kind": (b'{"contents": []}', {"content-type": "application/x-protobuf"}),
}


@pytest.mark.parametrize("what", UNREAD)
def test_a_body_that_cant_be_read_stays_and_asks_for_something_unknown(what: str) -> None:
    body, headers = UNREAD[what]
    found = read(body, headers=headers)
    assert {pin.location for pin in found.pins} == {"europe-west4"}
    assert found.features == {"unread-body"}


@pytest.mark.parametrize("kind", ["application/json", "application/json; charset=utf-8", "application/vnd.api+json"])
def test_the_usual_headers_make_no_body_unreadable(kind: str) -> None:
    headers = {"content-type": kind, "content-encoding": "identity"}
    assert read(user("hello"), headers=headers).features == frozenset()


def escaped(text: str, which: str) -> bytes:
    """A JSON text with every letter of `which` in it written as an escape."""
    return "".join(f"\\u{ord(each):04x}" if each in which else each for each in text).encode()


@given(st.sets(st.sampled_from("acdeghlnoprst/_:-0123456789CHS"), min_size=1))
def test_no_escape_sets_a_request_free(letters: set[str]) -> None:
    """Of names and of keys alike; what stands between the strings is left, so it stays JSON."""
    which = "".join(letters - {":"})
    assert pins(escaped('{"x":"projects/p/locations/us-central1/ragCorpora/1"}', which)) == {"us-central1"}
    assert pins(escaped('{"cachedContent":"c1"}', which)) == {"europe-west4"}
    assert "google-search" in read(escaped('{"tools":[{"googleSearch":{}}]}', which)).features


CLAUDE = URL.replace(
    "publishers/google/models/gemini-2.5-flash:generateContent", "publishers/anthropic/models/m:rawPredict"
)
CHAT = URL.replace("publishers/google/models/gemini-2.5-flash:generateContent", "endpoints/openapi/chat/completions")
PREDICT = URL.replace("generateContent", "predict")
STORE = {"retrieval": {"vertexAiSearch": {"datastore": name("collections/c/dataStores/d", "eu")}}}


@pytest.mark.parametrize("body", [{"container": "c1"}, {"previous_response_id": "r"}, {"previousInteractionId": "i"}])
def test_state_left_behind_binds_a_request_to_where_its_client_is_set(body: Any) -> None:
    assert pins(body) == {"europe-west4"}


def test_a_cache_named_beside_googles_own_fields_binds_too() -> None:
    for body in ({"google": {"cached_content": "c"}}, {"extra_body": {"google": {"cached_content": "c"}}}):
        found = read({"model": "google/m", **body}, CHAT)
        assert {pin.location for pin in found.pins} == {"europe-west4"}


def test_data_stores_are_read_elsewhere_and_bind_nothing() -> None:
    found = read({"tools": [STORE]})
    assert (found.read, found.pins) == ({"eu"}, frozenset())


@given(st.text())
def test_a_prompt_is_bound_to_nothing_unless_it_is_a_name_as_a_whole(text: str) -> None:
    assert pins(user(f"{text} {name('cachedContents/123')} {text}")) == set()


@given(st.binary(max_size=100))
def test_no_body_whatsoever_makes_reading_it_fail(body: bytes) -> None:
    assert isinstance(pins(b'{"cachedContent": "locations' + body), set)


_members = st.dictionaries(
    st.sampled_from(
        ["contents", "generationConfig", "generation_config", "tools", "cachedContent", "labels", "google", "store"]
    ),
    st.sampled_from(
        [
            {},
            None,
            "c1",
            [{"text": "a"}],
            {"temperature": 0.5},
            {"routingConfig": {}},
            {"cached_content": "c"},
            [{"googleSearch": {}}],
            {"parts": [{"text": "a long text " * 500}]},
            {"parts": [{"text": 'with "escapes"\n' * 500}]},
            name("ragCorpora/1"),
            "https://generativelanguage.googleapis.com/v1beta/files/1",
            {"x": name("cachedContents/1", "eu"), "y": "see /locations/ there"},
        ]
    ),
    max_size=4,
)


@given(_members, st.sampled_from([None, 1]), st.booleans())
def test_a_body_that_is_seen_to_say_nothing_says_nothing_when_it_is_read(
    body: dict[str, Any], indent: int | None, odd: bool
) -> None:
    text = json.dumps(body, indent=indent).encode()
    text = text.replace(b"oo", b"o\\u006f").replace(b"/", b"\\/") if odd else text
    with pytest.MonkeyPatch.context() as patch:
        quick = read(text)
        patch.setattr("router.contents._says_nothing", lambda *_: False)
        patch.setattr("router.contents.short", lambda text: text)
        assert read(text) == quick


@pytest.mark.parametrize("text", ["\\q", "\\u12", "\\ud800"])
def test_an_escape_that_is_none_makes_a_body_unreadable_in_a_long_string_too(text: str) -> None:
    for long in ("", "a" * 9000):
        assert read(f'{{"contents": "{long}{text}"}}'.encode()).features == {"unread-body"}


def test_settings_that_are_given_twice_are_read_to_the_letter() -> None:
    body = b'{"generationConfig": {"routingConfig": {}}, "generationConfig": {}}'
    assert read(body).features == {"unread-body"}
