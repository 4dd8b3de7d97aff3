"""Whatever comes in, the service answers, and never fails by itself."""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

TARGETS = (
    "publishers/google/models/gemini-3.8-flash:generateContent",
    "publishers/google/models/gemini-3.8-flash:streamGenerateContent",
    "publishers/google/models/gemini-3.8-flash:streamGenerateContent?alt=sse",
    "publishers/google/models/gemini-3.8-flash:countTokens",
    "publishers/google/models/gemini-embedding-2:embedContent",
    "publishers/anthropic/models/claude-sonnet-5:rawPredict",
    "publishers/anthropic/models/claude-sonnet-5:streamRawPredict",
    "publishers/anthropic/models/count-tokens:rawPredict",
    "endpoints/openapi/chat/completions",
)
# Names that mean something to the service, so that examples get past the first check.
WORDS = (
    "contents content parts text role user model messages max_tokens anthropic_version system stream instances "
    "parameters outputDimensionality embedContentConfig systemInstruction google/gemini-3.8-flash assistant"
)
NAMES = st.sampled_from(WORDS.split())
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | NAMES | st.text(max_size=5)
JSON = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=6), max_leaves=15
)

FEW = settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.mark.parametrize("target", TARGETS)
@FEW
@given(body=st.dictionaries(NAMES, JSON, max_size=8))
def test_every_body_has_an_answer(service, target, body):
    answer = service().send("eu", target, body)
    assert answer.status in (200, 400)
    if answer.status == 400:
        content = answer.json()
        assert "error" in (content[0] if isinstance(content, list) else content)


@FEW
@given(
    start=st.sampled_from(["", "/", "//", "/v1/projects/p/", "/v1/projects/p/locations/eu/"]),
    target=st.text(st.characters(max_codepoint=255), max_size=60),
    body=st.binary(max_size=20),
)
def test_every_target_has_an_answer(service, start, target, body):
    ours = service()
    assert ours.steps("POST", ours.hosts["eu"], start + target, body, {})


@FEW
@given(value=st.text(st.characters(max_codepoint=255)))
def test_every_header_has_an_answer(service, value):
    headers = {"authorization": value, "x-goog-api-key": value, "x-vertex-ai-llm-request-type": value}
    answer = service().gemini("eu", headers=headers)
    assert answer.status in (200, 401)
    assert json.dumps(service().gemini("eu", headers=headers).headers)
