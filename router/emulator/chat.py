"""How models are spoken to in OpenAI's way: `endpoints/openapi/chat/completions`, and Mistral's rawPredict."""

from __future__ import annotations

from typing import Any

from router.emulator import speech
from router.emulator.speech import Said

Json = dict[str, Any]


def fault(body: Json) -> str | None:
    """Why the service refuses this body, or None."""
    if not isinstance(body.get("model"), str) or not body["model"]:
        return "Invalid value at 'model': expected the name of a model."
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages:
        return "Invalid value at 'messages': expected at least one message."
    if not all(isinstance(message, dict) and isinstance(message.get("role"), str) for message in messages):
        return "Invalid value at 'messages': expected messages with a role."
    return None


def prompt(body: Json) -> str:
    """The last thing that the user said."""
    mine = [message for message in body["messages"] if message["role"] == "user"]
    return speech.joined(mine[-1]) if mine else ""


def whole_prompt(body: Json) -> str:
    """All texts of the request."""
    return speech.joined(body["messages"])


def answer(said: Said, name: str) -> Json:
    """The response in one piece; `name` is the model as the request writes it."""
    message = {"role": "assistant", "content": said.text}
    choice = {"index": 0, "finish_reason": "stop", "logprobs": None, "message": message}
    return _head(said, name, "chat.completion") | {"choices": [choice], "usage": _usage(said)}


def events(said: Said, name: str) -> list[Json]:
    """The chunks of a stream, without the `[DONE]` that ends it; the last one has the usage."""
    *first, last = speech.pieces(said.text)
    return [_chunk(said, name, piece, None) for piece in first] + [
        _chunk(said, name, last, "stop") | {"usage": _usage(said)}
    ]


def _chunk(said: Said, name: str, piece: str, finish: str | None) -> Json:
    choice = {"index": 0, "delta": {"role": "assistant", "content": piece}, "finish_reason": finish, "logprobs": None}
    return _head(said, name, "chat.completion.chunk") | {"choices": [choice]}


def _head(said: Said, name: str, kind: str) -> Json:
    return {"id": said.id, "object": kind, "created": said.created, "model": name}


def _usage(said: Said) -> Json:
    return {
        "prompt_tokens": said.prompt_tokens,
        "completion_tokens": said.tokens,
        "total_tokens": said.prompt_tokens + said.tokens,
        "extra_properties": {"google": {"traffic_type": said.traffic_type}},
    }
