"""What the methods answer, and which bodies they refuse."""

from __future__ import annotations

import json
import math

import pytest

from router.emulator import Behaviour, speech

GOOGLE = "publishers/google/models"
ANTHROPIC = "publishers/anthropic/models"
GEMINI = {"contents": [{"role": "user", "parts": [{"text": "Good "}, {"text": "morning"}]}]}
CLAUDE = {
    "anthropic_version": "vertex-2023-10-16",
    "max_tokens": 100,
    "messages": [{"role": "user", "content": [{"type": "text", "text": "Good morning"}]}],
}
CHAT = {"model": "google/gemini-3.8-flash", "messages": [{"role": "user", "content": "Good morning"}]}
SAYS = "This is the emulated {} at {}. You said: Good morning"


def sse(body: bytes, end: str = "\n\n"):
    """The data of server-sent events."""
    events = body.decode().split(end)
    assert events.pop() == ""
    return [json.loads(event.split("data: ", 1)[1]) for event in events if "[DONE]" not in event]


def test_generate_content_answers_with_text_and_usage(service):
    answer = service().send("eu", f"{GOOGLE}/gemini-3.8-flash:generateContent", GEMINI)
    content = answer.json()
    text = SAYS.format("gemini-3.8-flash", "eu")
    assert answer.headers["content-type"] == "application/json; charset=UTF-8"
    assert content["candidates"] == [{"content": {"role": "model", "parts": [{"text": text}]}, "finishReason": "STOP"}]
    usage = content["usageMetadata"]
    assert (usage["promptTokenCount"], usage["candidatesTokenCount"]) == (3, speech.count(text))
    assert usage["totalTokenCount"] == usage["promptTokenCount"] + usage["candidatesTokenCount"]
    assert content["modelVersion"] == "gemini-3.8-flash"


def test_the_answer_repeats_the_last_thing_the_user_said(service):
    contents = [
        {"role": "user", "parts": [{"text": "first"}]},
        {"role": "model", "parts": [{"text": "second"}]},
        {"parts": [{"text": "third"}, {"inlineData": {"mimeType": "image/png", "data": "AA=="}}]},
        {"role": "model", "parts": [{"text": "fourth"}]},
    ]
    content = service().send("eu", f"{GOOGLE}/gemini-3.8-flash:generateContent", {"contents": contents}).json()
    assert content["candidates"][0]["content"]["parts"][0]["text"].endswith("You said: third")


def test_answers_can_be_given_by_the_scenario(service):
    ours = service(Behaviour(location="eu", answer='{"model": "{model}", "place": "{location}", "you": "{prompt}"}'))
    content = ours.send("eu", f"{GOOGLE}/gemini-3.8-flash:generateContent", GEMINI).json()
    said = json.loads(content["candidates"][0]["content"]["parts"][0]["text"])
    assert said == {"model": "gemini-3.8-flash", "place": "eu", "you": "Good morning"}


def test_what_the_user_says_is_not_taken_for_a_placeholder(service):
    body = {"contents": [{"parts": [{"text": "{model}"}]}]}
    content = service().send("eu", f"{GOOGLE}/gemini-3.8-flash:generateContent", body).json()
    assert content["candidates"][0]["content"]["parts"][0]["text"].endswith("You said: {model}")


def test_image_models_make_a_picture(service):
    answer = service().send("europe-west4", f"{GOOGLE}/gemini-2.5-flash-image:generateContent", GEMINI)
    picture = answer.json()["candidates"][0]["content"]["parts"][1]["inlineData"]
    assert picture["mimeType"] == "image/png"
    assert picture["data"].startswith("iVBORw0KGgo")


def test_a_gemini_stream_says_the_same_in_events_that_end_with_usage(service):
    answer = service().send("eu", f"{GOOGLE}/gemini-3.8-flash:streamGenerateContent?alt=sse", GEMINI)
    assert answer.headers == {"content-type": "text/event-stream"}
    assert b'data: {"candidates":' in answer.body
    events = sse(answer.body, "\r\n\r\n")
    texts = [event["candidates"][0]["content"]["parts"][0]["text"] for event in events]
    assert len(events) > 3
    assert "".join(texts) == SAYS.format("gemini-3.8-flash", "eu")
    assert [("usageMetadata" in event, "finishReason" in event["candidates"][0]) for event in events] == [
        *[(False, False)] * (len(events) - 1),
        (True, True),
    ]
    assert events[-1]["usageMetadata"]["trafficType"] == "ON_DEMAND"


def test_a_gemini_stream_without_sse_is_a_json_array(service):
    answer = service().send("eu", f"{GOOGLE}/gemini-3.8-flash:streamGenerateContent", GEMINI)
    assert answer.headers == {"content-type": "application/json; charset=UTF-8"}
    events = answer.json()
    texts = [event["candidates"][0]["content"]["parts"][0]["text"] for event in events]
    assert "".join(texts) == SAYS.format("gemini-3.8-flash", "eu")
    assert events[-1]["candidates"][0]["finishReason"] == "STOP"


def test_count_tokens_counts_the_whole_request(service):
    body = GEMINI | {"systemInstruction": {"parts": [{"text": "Be brief"}]}}
    content = service().send("eu", f"{GOOGLE}/gemini-3.8-flash:countTokens", body).json()
    assert content["totalTokens"] == speech.count("Be briefGood morning")
    assert content["totalBillableCharacters"] == len("BebriefGoodmorning")


def test_raw_predict_of_claude_is_a_message(service):
    content = service().send("eu", f"{ANTHROPIC}/claude-sonnet-5:rawPredict", CLAUDE).json()
    text = SAYS.format("claude-sonnet-5", "eu")
    assert content["type"] == "message"
    assert content["role"] == "assistant"
    assert content["id"].startswith("msg_vrtx_")
    assert content["model"] == "claude-sonnet-5"
    assert content["content"] == [{"type": "text", "text": text}]
    assert content["stop_reason"] == "end_turn"
    assert content["usage"]["input_tokens"] == 3
    assert content["usage"]["output_tokens"] == speech.count(text)


def test_a_claude_stream_has_all_its_events_in_order(service):
    answer = service().send("eu", f"{ANTHROPIC}/claude-sonnet-5:streamRawPredict", CLAUDE | {"stream": True})
    events = sse(answer.body)
    kinds = [event["type"] for event in events]
    deltas = [event["delta"]["text"] for event in events if event["type"] == "content_block_delta"]
    assert kinds == [
        "message_start",
        "content_block_start",
        "ping",
        *["content_block_delta"] * len(deltas),
        "content_block_stop",
        "message_delta",
        "message_stop",
    ]
    assert "".join(deltas) == SAYS.format("claude-sonnet-5", "eu")
    assert events[0]["message"]["content"] == []
    assert events[-2]["delta"]["stop_reason"] == "end_turn"
    assert [line.split()[1] for line in answer.body.decode().splitlines() if line.startswith("event: ")] == kinds


def test_claude_tokens_are_counted_under_a_model_name_of_its_own(service):
    body = {"model": "claude-sonnet-5", "messages": CLAUDE["messages"]}
    assert service().send("eu", f"{ANTHROPIC}/count-tokens:rawPredict", body).json() == {"input_tokens": 3}
    assert service().send("europe-west1", f"{ANTHROPIC}/count-tokens:rawPredict", body).status == 400


@pytest.mark.parametrize("version", ["v1", "v1beta1"])
def test_chat_completions_answer_as_openai_does(service, version):
    content = service().send("eu", "endpoints/openapi/chat/completions", CHAT, version=version).json()
    [choice] = content["choices"]
    assert content["object"] == "chat.completion"
    assert content["model"] == "google/gemini-3.8-flash"
    assert choice["message"] == {"role": "assistant", "content": SAYS.format("gemini-3.8-flash", "eu")}
    assert choice["finish_reason"] == "stop"
    assert content["usage"]["total_tokens"] == content["usage"]["prompt_tokens"] + content["usage"]["completion_tokens"]


def test_a_chat_stream_ends_with_usage_and_done(service):
    answer = service().send("eu", "endpoints/openapi/chat/completions", CHAT | {"stream": True})
    events = sse(answer.body)
    assert answer.body.endswith(b"data: [DONE]\n\n")
    text = "".join(event["choices"][0]["delta"]["content"] for event in events)
    assert text == SAYS.format("gemini-3.8-flash", "eu")
    assert [event["choices"][0]["finish_reason"] for event in events] == [None] * (len(events) - 1) + ["stop"]
    assert "usage" in events[-1]


def test_chat_of_a_model_that_is_not_served_is_not_found(service):
    [content] = service().send("europe-west1", "endpoints/openapi/chat/completions", CHAT).json()
    assert content["error"]["code"] == 404


def test_mistral_speaks_openais_way_through_raw_predict(service):
    path = "publishers/mistralai/models/mistral-medium-3"
    body = CHAT | {"model": "mistral-medium-3"}
    content = service().send("europe-west4", f"{path}:rawPredict", body).json()
    assert content["choices"][0]["message"]["content"] == SAYS.format("mistral-medium-3", "europe-west4")
    stream = service().send("europe-west4", f"{path}:streamRawPredict", body)
    assert stream.body.endswith(b"data: [DONE]\n\n")


def test_predict_gives_an_embedding_for_each_instance(service):
    body = {"instances": [{"content": "a"}, {"content": "bb b"}], "parameters": {"outputDimensionality": 7}}
    content = service().send("europe-west4", f"{GOOGLE}/text-embedding-005:predict", body).json()
    first, second = (prediction["embeddings"] for prediction in content["predictions"])
    assert len(first["values"]) == len(second["values"]) == 7
    assert first["values"] != second["values"]
    assert second["statistics"] == {"token_count": 1, "truncated": False}
    assert content["metadata"] == {"billableCharacterCount": 4}


def test_embed_content_gives_one_embedding_of_length_one(service):
    body = {"content": {"parts": [{"text": "hello"}]}}
    content = service().send("eu", f"{GOOGLE}/gemini-embedding-2:embedContent", body).json()
    values = content["embedding"]["values"]
    assert len(values) == 3072
    assert math.isclose(sum(value * value for value in values), 1, abs_tol=1e-6)
    again = service().send("us", f"{GOOGLE}/gemini-embedding-2:embedContent", body).json()
    assert again["embedding"] == content["embedding"]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"contents": []},
        {"contents": "text"},
        {"contents": ["text"]},
        {"contents": [{"role": "user"}]},
        {"contents": [{"role": "user", "parts": []}]},
        {"contents": [{"role": "user", "parts": "text"}]},
        {"contents": [{"role": "captain", "parts": [{"text": "x"}]}]},
    ],
)
@pytest.mark.parametrize("method", ["generateContent", "countTokens"])
def test_gemini_refuses_bodies_without_proper_contents(service, body, method):
    answer = service().send("eu", f"{GOOGLE}/gemini-3.8-flash:{method}", body)
    assert (answer.status, answer.error["status"]) == (400, "INVALID_ARGUMENT")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"anthropic_version": ...}, "anthropic_version: Field required"),
        ({"max_tokens": ...}, "max_tokens: Field required"),
        ({"messages": ...}, "messages: Field required"),
        ({"max_tokens": 0}, "max_tokens: Input should be greater than or equal to 1"),
        ({"max_tokens": "9"}, "max_tokens: Input should be greater than or equal to 1"),
        ({"messages": {}}, "messages: Input should be a valid list"),
        ({"messages": []}, "messages: at least one message is required"),
        ({"messages": [{"role": "system", "content": "x"}]}, "messages.0.role: Input should be 'user' or 'assistant'"),
        ({"messages": [{"role": "user"}]}, "messages.0.content: Field required"),
    ],
)
def test_claude_refuses_bodies_in_anthropics_words(service, change, message):
    body = {key: value for key, value in (CLAUDE | change).items() if value is not ...}
    answer = service().send("eu", f"{ANTHROPIC}/claude-sonnet-5:rawPredict", body)
    assert answer.status == 400
    assert answer.json()["type"] == "error"
    assert answer.error == {"type": "invalid_request_error", "message": message}


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"model": 3, "messages": []},
        CHAT | {"messages": []},
        CHAT | {"messages": ["x"]},
        CHAT | {"messages": [{"content": "x"}]},
        CHAT | {"model": ""},
    ],
)
def test_chat_refuses_bodies_without_model_or_messages(service, body):
    answer = service().send("eu", "endpoints/openapi/chat/completions", body)
    assert (answer.status, answer.json()[0]["error"]["status"]) == (400, "INVALID_ARGUMENT")


@pytest.mark.parametrize(
    ("method", "body"),
    [
        ("predict", {}),
        ("predict", {"instances": []}),
        ("predict", {"instances": ["x"]}),
        ("predict", {"instances": [{"content": "x"}], "parameters": {"outputDimensionality": 0}}),
        ("predict", {"instances": [{"content": "x"}], "parameters": {"outputDimensionality": "9"}}),
        ("embedContent", {}),
        ("embedContent", {"content": "x"}),
        ("embedContent", {"content": {"parts": []}}),
        ("embedContent", {"content": {"parts": [{"text": "x"}]}, "outputDimensionality": 10**9}),
    ],
)
def test_embedding_models_refuse_bodies_without_text(service, method, body):
    location, model = ("europe-west4", "text-embedding-005") if method == "predict" else ("eu", "gemini-embedding-2")
    answer = service().send(location, f"{GOOGLE}/{model}:{method}", body)
    assert (answer.status, answer.error["status"]) == (400, "INVALID_ARGUMENT")


def test_half_characters_do_no_harm(service):
    body = b'{"content": {"parts": [{"text": "\\ud800"}]}}'
    assert service().send("eu", f"{GOOGLE}/gemini-embedding-2:embedContent", body).status == 200
    body = b'{"contents": [{"parts": [{"text": "\\ud800"}]}]}'
    assert service().send("eu", f"{GOOGLE}/gemini-3.8-flash:generateContent", body).status == 200


@pytest.mark.parametrize("text", ["", "one", "two words", "a b c d e f g h i j k l m n o p q", "  spaces \n and ends "])
def test_pieces_are_the_whole_text(text):
    pieces = speech.pieces(text)
    assert "".join(pieces) == text
    assert 1 <= len(pieces) <= 8
