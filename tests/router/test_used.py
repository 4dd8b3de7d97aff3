from __future__ import annotations

import json

import httpx
import pytest

from catalog import Own
from catalog.own import OwnQuota
from router import Policy
from router.used import tokens_used, tokens_used_in_stream
from tests.world import Backend, gemini_url, make_router, piece, roomy_catalog, sse

GEMINI = {"usageMetadata": {"promptTokenCount": 10, "candidatesTokenCount": 20, "thoughtsTokenCount": 5}}
CLAUDE = {"usage": {"input_tokens": 10, "output_tokens": 20, "cache_read_input_tokens": 7}}
OPENAI = {"usage": {"prompt_tokens": 10, "completion_tokens": 20, "total_tokens": 30}}


@pytest.mark.parametrize(("body", "tokens"), [(GEMINI, 35), (CLAUDE, 37), (OPENAI, 30), ({}, None), ([], None)])
def test_the_tokens_of_a_whole_answer(body: object, tokens: int | None) -> None:
    assert tokens_used(json.dumps(body).encode()) == tokens


@pytest.mark.parametrize("content", [b"", b"<html>", b"{", b'{"usage": {"input_tokens": -1}}'])
def test_an_answer_that_cant_be_read_tells_nothing(content: bytes) -> None:
    assert tokens_used(content) is None


def test_the_tokens_of_a_stream_are_in_its_events() -> None:
    events = [piece("a"), json.dumps({**json.loads(piece("b", last=True)), **GEMINI})]
    assert tokens_used_in_stream(sse(*events)) == 35
    assert tokens_used_in_stream(f"[{','.join(events)}]".encode()) == 35
    start = {"type": "message_start", "message": {"usage": {"input_tokens": 10, "output_tokens": 1}}}
    end = {"type": "message_delta", "usage": {"output_tokens": 20}}
    assert tokens_used_in_stream(sse(json.dumps(start), json.dumps(end))) == 30
    assert tokens_used_in_stream(sse(piece("a"))) is None


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_a_request_where_the_limit_is_in_tokens_is_settled_by_what_its_answer_used(stream: bool) -> None:
    """Many times the estimate: the next request waits for the minute's worth that the last one has taken."""
    own = Own(quotas=(OwnQuota(model="gemini-3.8-flash", locations=("eu",), tokens_per_minute=60_000),))
    policy = Policy(residency="eu", allow_locations=["eu"], deadline_s=3600)
    router = make_router(policy, catalog=roomy_catalog(own=own))
    used = {"usageMetadata": {"promptTokenCount": 50_000, "candidatesTokenCount": 10_000}}
    answer = json.loads(piece("hello", last=True)) | used
    reply = sse(json.dumps(answer)) if stream else lambda stack, _: stack.Response(200, json=answer)
    method = "streamGenerateContent?alt=sse" if stream else "generateContent"
    backend = Backend(httpx, {"eu": reply})
    with httpx.Client(transport=router.transport(transport=backend.transport)) as client:
        for _ in range(2):
            client.post(gemini_url("eu", "gemini-3.8-flash", method), json={"contents": ["x" * 400]})
    (pool,) = router.status().pools
    assert 40.0 < pool.closed_s < 80.0
