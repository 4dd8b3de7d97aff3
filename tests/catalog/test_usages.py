"""What answers used, by the bodies in which Gemini, Claude and OpenAI's formats say it."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog import prices
from catalog.costs import Usage
from catalog.usages import usage_of


def told(usage: Usage | None) -> dict[str, int]:
    """Tokens (or searches) by use and modality."""
    assert usage is not None
    found = {f"{each.use} {each.modality}": int(each.quantity) for each in usage.amounts}
    assert len(found) == len(usage.amounts)
    return found


GEMINI = {
    "candidates": [{"content": {"role": "model", "parts": [{"text": "Hello."}]}, "finishReason": "STOP"}],
    "usageMetadata": {
        "promptTokenCount": 1500,
        "cachedContentTokenCount": 600,
        "candidatesTokenCount": 40,
        "thoughtsTokenCount": 160,
        "totalTokenCount": 1700,
        "trafficType": "ON_DEMAND",
        "promptTokensDetails": [
            {"modality": "TEXT", "tokenCount": 1000},
            {"modality": "AUDIO", "tokenCount": 500},
        ],
        "cacheTokensDetails": [{"modality": "TEXT", "tokenCount": 600}],
        "candidatesTokensDetails": [{"modality": "TEXT", "tokenCount": 40}],
    },
    "modelVersion": "gemini-2.5-flash",
}
CLAUDE = {
    "type": "message",
    "model": "claude-sonnet-4-5-20250929",
    "content": [{"type": "text", "text": "Hello."}],
    "usage": {
        "input_tokens": 100,
        "cache_creation_input_tokens": 3000,
        "cache_read_input_tokens": 20000,
        "cache_creation": {"ephemeral_5m_input_tokens": 2000, "ephemeral_1h_input_tokens": 1000},
        "output_tokens": 50,
        "server_tool_use": {"web_search_requests": 2},
    },
}
CHAT = {
    "object": "chat.completion",
    "usage": {
        "prompt_tokens": 1000,
        "completion_tokens": 300,
        "total_tokens": 1300,
        "prompt_tokens_details": {"cached_tokens": 400, "audio_tokens": None},
        "completion_tokens_details": {"reasoning_tokens": 250},
    },
}


def metadata(**counts: Any) -> dict[str, Any]:
    return {"usageMetadata": counts}


def text(tokens: int) -> dict[str, Any]:
    return {"modality": "TEXT", "tokenCount": tokens}


# Gemini


def test_geminis_cached_tokens_are_not_input_and_its_thoughts_are_output() -> None:
    assert told(usage_of(GEMINI)) == {"input text": 400, "input audio": 500, "cache_read text": 600, "output text": 200}


def test_the_context_of_gemini_is_the_whole_prompt() -> None:
    usage = usage_of(GEMINI)
    assert usage
    assert usage.context == 1500


def test_counts_without_details_are_text() -> None:
    found = usage_of(metadata(promptTokenCount=9, candidatesTokenCount=4, totalTokenCount=13))
    assert told(found) == {"input text": 9, "output text": 4}


def test_what_details_leave_out_is_text() -> None:
    found = usage_of(metadata(promptTokenCount=300, promptTokensDetails=[{"modality": "IMAGE", "tokenCount": 258}]))
    assert told(found) == {"input image": 258, "input text": 42}


def test_cached_tokens_of_no_stated_modality_are_taken_from_what_is_there() -> None:
    audio = [{"modality": "AUDIO", "tokenCount": 500}, text(100)]
    found = usage_of(metadata(promptTokenCount=600, promptTokensDetails=audio, cachedContentTokenCount=300))
    assert told(found) == {"input audio": 300, "cache_read text": 300}


def test_pages_of_documents_count_as_images() -> None:
    pages = [{"modality": "DOCUMENT", "tokenCount": 516}, {"modality": "IMAGE", "tokenCount": 258}]
    assert told(usage_of(metadata(promptTokenCount=774, promptTokensDetails=pages))) == {"input image": 774}


def test_an_image_that_was_made_is_output_of_image() -> None:
    made = [{"modality": "IMAGE", "tokenCount": 1290}]
    found = usage_of(metadata(promptTokenCount=5, candidatesTokenCount=1290, candidatesTokensDetails=made))
    assert told(found) == {"input text": 5, "output image": 1290}


def test_what_a_tool_gave_to_read_is_input_unless_google_search_gave_it() -> None:
    body = metadata(promptTokenCount=10, toolUsePromptTokenCount=90, toolUsePromptTokensDetails=[text(90)])
    searched: dict[str, Any] = {"candidates": [{"groundingMetadata": {"webSearchQueries": ["tides"]}}]}
    assert told(usage_of(body)) == {"input text": 100}
    assert told(usage_of(body | searched)) == {"input text": 10}


def test_of_a_stream_the_last_count_holds() -> None:
    chunks = [
        metadata(promptTokenCount=10, totalTokenCount=10),
        {"candidates": []},
        metadata(promptTokenCount=10, candidatesTokenCount=7, totalTokenCount=17),
    ]
    assert told(usage_of(*chunks)) == {"input text": 10, "output text": 7}


# Claude


def test_claudes_input_is_beside_what_was_cached_and_writes_are_by_their_time() -> None:
    assert told(usage_of(CLAUDE)) == {
        "input text": 100,
        "cache_read text": 20000,
        "cache_write_5m text": 2000,
        "cache_write_1h text": 1000,
        "output text": 50,
        "web_search text": 2,
    }


def test_writes_of_no_stated_time_are_of_five_minutes() -> None:
    usage = {"input_tokens": 1, "cache_creation_input_tokens": 30, "cache_read_input_tokens": None, "output_tokens": 1}
    assert told(usage_of({"usage": usage})) == {"input text": 1, "cache_write_5m text": 30, "output text": 1}


def test_a_stream_of_claude_counts_input_at_its_start_and_output_at_its_end() -> None:
    events = [
        {"type": "message_start", "message": {"usage": {"input_tokens": 25, "output_tokens": 1}}},
        {"type": "content_block_delta", "delta": {"type": "text_delta", "text": "Hi"}},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 15}},
    ]
    assert told(usage_of(*events)) == {"input text": 25, "output text": 15}


# OpenAI's formats


def test_a_chat_completion_holds_its_cached_tokens_and_its_reasoning() -> None:
    assert told(usage_of(CHAT)) == {"input text": 600, "cache_read text": 400, "output text": 300}


def test_what_the_total_has_beyond_its_parts_was_thought() -> None:
    found = usage_of({"usage": {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 115}})
    assert told(found) == {"input text": 10, "output text": 105}


def test_a_response_counts_input_and_output_likewise() -> None:
    usage = {"input_tokens": 50, "output_tokens": 9, "total_tokens": 59, "input_tokens_details": {"cached_tokens": 20}}
    expected = {"input text": 30, "cache_read text": 20, "output text": 9}
    assert told(usage_of({"object": "response", "usage": usage})) == expected
    assert told(usage_of({"type": "response.completed", "response": {"usage": usage}})) == expected


def test_audio_is_counted_apart() -> None:
    details = {"prompt_tokens_details": {"audio_tokens": 30}, "completion_tokens_details": {"audio_tokens": 4}}
    found = usage_of({"usage": {"prompt_tokens": 50, "completion_tokens": 10, **details}})
    assert told(found) == {"input text": 20, "input audio": 30, "output text": 6, "output audio": 4}


# All


@pytest.mark.parametrize("body", [{}, {"usage": None}, {"usage": {}}, {"candidates": []}, {"usageMetadata": []}])
def test_a_body_that_does_not_say_gives_nothing(body: dict[str, Any]) -> None:
    assert usage_of(body) is None


def test_no_body_gives_nothing() -> None:
    assert usage_of() is None


@pytest.mark.parametrize("count", [-1, 1.5, "9", True])
def test_a_count_that_is_none_is_told_by_its_name(count: Any) -> None:
    with pytest.raises(ValueError, match="`promptTokenCount`: expected a whole number"):
        usage_of(metadata(promptTokenCount=count))


@pytest.mark.parametrize(
    ("body", "model", "usd"),
    [
        # 400 x 0.30/M + 500 x 1/M + 600 x 0.03/M + 200 x 2.50/M = 0.00012 + 0.0005 + 0.000018 + 0.0005
        (GEMINI, "gemini-2.5-flash", "0.001138"),
        # 100 x 3/M + 20,000 x 0.30/M + 2,000 x 3.75/M + 1,000 x 6/M + 50 x 15/M + 2 x 10/1,000
        (CLAUDE, "claude-sonnet-4-5", "0.04055"),
    ],
)
def test_the_body_of_an_answer_is_enough_to_say_what_it_cost(body: dict[str, Any], model: str, usd: str) -> None:
    usage = usage_of(body)
    assert usage
    assert prices.cost(usage, model, "global", "standard", date(2026, 9, 1)).list_usd == Decimal(usd)


details = st.lists(
    st.fixed_dictionaries(
        {
            "modality": st.sampled_from(["TEXT", "AUDIO", "IMAGE", "VIDEO", "DOCUMENT", "MODALITY_UNSPECIFIED"]),
            "tokenCount": st.integers(0, 10**6),
        }
    ),
    max_size=5,
)


@given(details, details, st.integers(0, 10**6), st.integers(0, 10**6))
def test_no_token_of_a_prompt_is_counted_twice_or_lost(
    prompt: list[Any], cached: list[Any], more: int, more_cached: int
) -> None:
    whole = sum(each["tokenCount"] for each in prompt) + more
    part = sum(each["tokenCount"] for each in cached) + more_cached
    found = usage_of(
        metadata(
            promptTokenCount=whole,
            promptTokensDetails=prompt,
            cachedContentTokenCount=part,
            cacheTokensDetails=cached,
        )
    )
    counted = told(found)
    assert sum(counted.values()) == max(whole, part)
    assert sum(tokens for use, tokens in counted.items() if use.startswith("cache_read")) == part
