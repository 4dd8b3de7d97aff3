"""What a body asks for beyond the model's own work, in each of the languages that bodies are written in."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

import catalog
from router import features, resources
from tests.router.test_contents import CHAT, CLAUDE, CORPUS, PREDICT, STORE, URL, name, read, user

CACHES = URL.partition("/publishers/")[0] + "/cachedContents"
RESPONSES = CHAT.replace("chat/completions", "responses")
RAG = {"retrieval": {"vertexRagStore": {"ragResources": [CORPUS]}}}
FUNCTION = {"functionDeclarations": [{"name": "googleSearch", "parameters": {"properties": {"googleMaps": {}}}}]}


@pytest.mark.parametrize(
    ("url", "body", "expected"),
    [
        (URL, {"tools": [FUNCTION]}, set()),
        (URL, {"tools": [{"function_declarations": []}], "tool_config": {}}, set()),
        (URL, {"tools": [{"googleSearch": None}], "cachedContent": None, "modelArmorConfig": None}, set()),
        (URL, user("googleSearch"), set()),
        (URL, user('"tools": [{"googleSearch": {}}]'), set()),
        (URL, {"contents": [{"parts": [{"functionCall": {"args": {"tools": [{"googleSearch": {}}]}}}]}]}, set()),
        (URL, {"tools": [FUNCTION, {"googleSearch": {}}]}, {"google-search"}),
        (URL, {"tools": [{"google_search": {}, "codeExecution": {}}]}, {"google-search", "code-execution"}),
        (URL, {"tools": [{"google_search_retrieval": {}}]}, {"google-search"}),
        (URL, {"tools": [{"googleMaps": {}}, {"urlContext": {}}]}, {"google-maps", "url-context"}),
        (URL, {"tools": [{"enterpriseWebSearch": {}}]}, {"enterprise-web-search"}),
        (URL, {"tools": [{"exaAiSearch": {}}, {"parallelAiSearch": {}}]}, {"exa-search", "external-search"}),
        (URL, {"tools": [{"computerUse": {}}]}, {"computer-use"}),
        (URL, {"tools": [RAG]}, {"rag"}),
        (URL, {"tools": [STORE]}, {"data-store"}),
        (URL, {"tools": [{"retrieval": {"externalApi": {}}}]}, {"external-search"}),
        (URL, {"tools": [{"retrieval": {"novelty": {}}}]}, {"another-tool"}),
        (URL, {"tools": [{"novelty": {}}]}, {"another-tool"}),
        (URL, {"tools": {"googleSearch": {}}}, {"another-tool"}),
        (URL, {"tools": ["googleSearch"]}, {"another-tool"}),
        (URL, {"cachedContent": name("cachedContents/1", "europe-west4")}, {"explicit-caching"}),
        (URL, {"modelArmorConfig": {"promptTemplateName": name("templates/t")}}, {"model-armor"}),
        (URL, {"serviceTier": "standard"}, set()),
        (URL, {"service_tier": "FLEX"}, {"service-tier"}),
        (URL, {"serviceTier": 3}, {"service-tier"}),
        (URL, {"generationConfig": {"temperature": 1}}, set()),
        (URL, {"generationConfig": {"routingConfig": {"autoMode": {}}}}, {"model-routing"}),
        (URL, {"contents": [{"parts": [{"fileData": {"fileUri": "gs://b/f"}}]}]}, set()),
        (
            URL,
            {
                "contents": [
                    {"parts": [{"fileData": {"fileUri": "https://generativelanguage.googleapis.com/v1/files/f"}}]}
                ]
            },
            {"developer-file"},
        ),
        (URL, user("see https://generativelanguage.googleapis.com/v1/files/f"), set()),
        (PREDICT, {"instances": [{"prompt": "x"}], "parameters": {"sampleCount": 1}}, set()),
        (PREDICT, {"instances": [], "parameters": {"storageUri": "gs://b"}}, {"bucket-output"}),
        (CLAUDE, {"tools": [{"name": "f", "input_schema": {}}, {"type": "custom", "name": "g"}]}, set()),
        (CLAUDE, {"tools": [{"type": "bash_20250124"}, {"type": "text_editor_20250728"}]}, set()),
        (CLAUDE, {"tools": [{"type": "web_search_20250305"}]}, {"claude-web-search"}),
        (CLAUDE, {"tools": [{"type": "web_search"}]}, {"claude-web-search"}),
        (CLAUDE, {"tools": [{"type": "web_fetch_20250910"}]}, {"claude-server-tool"}),
        (CLAUDE, {"tools": [{"type": 1}]}, {"claude-server-tool"}),
        (CLAUDE, {"mcp_servers": [{"url": "https://x"}]}, {"claude-server-tool"}),
        (CLAUDE, {"inference_geo": "us"}, {"inference-geo"}),
        (CLAUDE, {"container": "c1"}, {"stored-state"}),
        (CLAUDE, {"messages": [], "service_tier": "auto"}, set()),
        (CHAT, {"model": "google/m", "tools": [{"type": "function", "function": {}}]}, set()),
        (CHAT, {"model": "google/m", "tools": [{"type": "web_search"}]}, {"another-tool"}),
        (CHAT, {"model": "google/m", "web_search_options": {}}, {"google-search"}),
        (CHAT, {"model": "google/m", "extra_body": {"google": {"cached_content": "c"}}}, {"explicit-caching"}),
        (CACHES, {"tools": [{"googleSearch": {}}, {"functionDeclarations": []}]}, {"google-search"}),
        (CACHES, {"tools": [{"name": "f", "input_schema": {}}]}, {"another-tool"}),
        (RESPONSES, {"model": "google/m", "tools": [{"type": "function"}]}, set()),
        (RESPONSES, {"model": "google/m", "tools": [{"type": "web_search"}]}, {"another-tool"}),
        (CHAT, {"model": "google/m", "google": {"thinking_config": {}}}, set()),
        (CHAT, {"model": "google/m", "google": 3}, {"another-tool"}),
    ],
    ids=lambda each: json.dumps(each)[:60] if isinstance(each, dict) else "",
)
def test_what_a_body_asks_for_is_read_in_its_own_language(url: str, body: Any, expected: set[str]) -> None:
    assert read(body, url).features == expected
    assert read(body, url, indent=1).features == expected


def test_every_feature_that_is_read_is_one_of_the_catalog() -> None:
    """Those of paths as well; a feature that no one can name could not be admitted."""
    asked = {
        name for name in {*features.__dict__["_GEMINI_TOOLS"].values(), *resources.__dict__["_ASKS"].values()} if name
    }
    asked |= {*features.__dict__["_MEMBERS"].values(), *features.__dict__["_RETRIEVALS"].values()} - {""}
    assert asked <= set(catalog.load().features)


def test_the_docs_tell_of_every_feature_what_the_catalog_says() -> None:
    text = (Path(__file__).parents[2] / "docs" / "requests.md").read_text(encoding="utf-8")
    told = dict(re.findall(r"^\| `([a-z-]+)` \| .* \| (yes|no|unknown) \|$", text, re.MULTILINE))
    assert told == {name: feature.localised[0].stays for name, feature in catalog.load().features.items()}
