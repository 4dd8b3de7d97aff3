"""Random requests: models and resources, with whatever may bind them or ask for more than a model."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from hypothesis import strategies as st

from tests.laws.strategies import CATALOG, LOCATIONS, METHODS, NAMED_IN_URL
from tests.world import gemini_url


class Asked(NamedTuple):
    """A request, and what was put into it: `model` is empty when it is about a resource."""

    verb: str
    url: str
    body: bytes
    headers: dict[str, str]
    location: str
    model: str
    pins: frozenset[str]
    features: frozenset[str]
    read: frozenset[str]


class Part(NamedTuple):
    """Something that a body may hold; `here` stands for the client's own location in its pins."""

    body: dict[str, Any]
    pins: frozenset[str] = frozenset()
    features: frozenset[str] = frozenset()
    read: frozenset[str] = frozenset()


HERE = "here"
_places = st.sampled_from(["eu", "us", "global", "europe-west1", "europe-west2", "europe-west4", "us-central1"])


def _name(location: str, rest: str) -> str:
    return f"projects/p/locations/{location}/{rest}"


def _corpus(location: str) -> dict[str, str]:
    return {"ragCorpus": _name(location, "ragCorpora/1")}


def _tool(tool: dict[str, Any], feature: str) -> Part:
    return Part({"tools": [tool]}, features=frozenset({feature}))


_plain = st.sampled_from(
    [
        Part({}),
        Part({"contents": [{"parts": [{"text": 'use "googleSearch" of projects/p/locations/us/ragCorpora/1'}]}]}),
        Part({"contents": [{"parts": [{"text": "googleSearch"}, {"fileData": {"fileUri": "gs://b/f"}}]}]}),
        Part({"tools": [{"functionDeclarations": [{"name": "google_search"}]}]}),
        _tool({"googleSearch": {}}, "google-search"),
        _tool({"google_maps": {}}, "google-maps"),
        _tool({"urlContext": {}}, "url-context"),
        _tool({"codeExecution": {}}, "code-execution"),
        _tool({"novelty": {}}, "another-tool"),
        Part({"cachedContent": "1"}, frozenset({HERE}), frozenset({"explicit-caching"})),
        Part({"container": "c"}, frozenset({HERE}), frozenset({"stored-state"})),
        Part({"serviceTier": "flex"}, features=frozenset({"service-tier"})),
        Part({"inference_geo": "us"}, features=frozenset({"inference-geo"})),
    ]
)
_located = st.one_of(
    _places.map(
        lambda at: Part(
            {"cachedContent": _name(at, "cachedContents/1")}, frozenset({at}), frozenset({"explicit-caching"})
        )
    ),
    _places.map(lambda at: Part({"novelty": [{"x": _name(at, "novelties/1")}]}, frozenset({at}))),
    _places.map(
        lambda at: Part(
            {
                "tools": [
                    {"retrieval": {"vertexRagStore": {"ragResources": [{"ragCorpus": _name(at, "ragCorpora/1")}]}}}
                ]
            },
            frozenset({at}),
            frozenset({"rag"}),
        )
    ),
    _places.map(
        lambda at: Part(
            {"tools": [{"retrieval": {"vertexAiSearch": {"datastore": _name(at, "collections/c/dataStores/d")}}}]},
            features=frozenset({"data-store"}),
            read=frozenset({at}),
        )
    ),
)

_resources = st.sampled_from(
    [
        ("GET", "cachedContents/1", ""),
        ("DELETE", "batchPredictionJobs/1", ""),
        ("POST", "operations/1:wait", ""),
        ("POST", "publishers/google/models/m:fetchPredictOperation", ""),
        ("POST", "endpoints/1:generateContent", "own-endpoint"),
        ("POST", "ragCorpora/1/ragFiles:import", "rag"),
        ("POST", "tuningJobs", "tuning"),
        ("POST", "novelties", "other-resource"),
    ]
)


@st.composite
def requests(draw: st.DrawFn) -> Asked:
    """Any request, its body written in any of several ways."""
    location = draw(st.sampled_from(LOCATIONS))
    verb, asks, name = "POST", "", ""
    if draw(st.booleans()):
        model = CATALOG.models[draw(st.sampled_from(NAMED_IN_URL))]
        name, method = model.id, draw(st.sampled_from(METHODS[model.publisher]))
        url = gemini_url(location, name, method).replace("publishers/google", f"publishers/{model.publisher}")
    else:
        verb, path, asks = draw(_resources)
        url = gemini_url(location).partition("/publishers/")[0] + f"/{path}"
    part = draw(_plain | _located)
    if name and CATALOG.models[name].publisher != "google" and "tools" in part.body:
        part = Part({})  # other publishers' tools have other forms
    own = {location} if not name else set()
    return Asked(
        verb=verb,
        url=url,
        body=_written(draw, {"model": "claude-opus-4-7", **part.body}),
        headers={"x-vertex-router-tokens": str(draw(st.integers(0, 10**7)))} if draw(st.booleans()) else {},
        location=location,
        model=name,
        pins=frozenset(location if pin == HERE else pin for pin in part.pins) | own,
        features=part.features | ({asks} - {""}),
        read=part.read,
    )


def _written(draw: st.DrawFn, body: dict[str, Any]) -> bytes:
    """A body as JSON: compact, spread out, with slashes or with some letter always escaped."""
    text = json.dumps(body, indent=draw(st.sampled_from([None, 1])))
    if draw(st.booleans()):
        text = text.replace("/", "\\/")
    letter = draw(st.sampled_from(["", *"acegilnoprst"]))
    if letter and '\\"' not in text:
        text = text.replace(letter, f"\\u{ord(letter):04x}") if not _literals(text, letter) else text
    return text.encode()


def _literals(text: str, letter: str) -> bool:
    """Whether the letter stands outside strings too, in `true` or `null`."""
    return any(letter in piece for piece in text.split('"')[::2])
