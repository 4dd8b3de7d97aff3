"""How Claude is spoken to and answers: rawPredict, streamRawPredict, count-tokens."""

from __future__ import annotations

from typing import Any

from router.emulator import speech
from router.emulator.speech import Said

Json = dict[str, Any]

_ERRORS = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
    504: "timeout_error",
    529: "overloaded_error",
}


def fault(body: Json) -> str | None:
    """Why the backend refuses a body of rawPredict, or None."""
    for field in ("anthropic_version", "messages", "max_tokens"):
        if field not in body:
            return f"{field}: Field required"
    if not isinstance(body["max_tokens"], int) or body["max_tokens"] < 1:
        return "max_tokens: Input should be greater than or equal to 1"
    return messages_fault(body)


def messages_fault(body: Json) -> str | None:
    """Why the backend refuses the messages of a body, or None."""
    messages = body.get("messages")
    if not isinstance(messages, list):
        return "messages: Input should be a valid list"
    if not messages:
        return "messages: at least one message is required"
    for index, message in enumerate(messages):
        if not isinstance(message, dict) or message.get("role") not in ("user", "assistant"):
            return f"messages.{index}.role: Input should be 'user' or 'assistant'"
        if not message.get("content"):
            return f"messages.{index}.content: Field required"
    return None


def prompt(body: Json) -> str:
    """The last thing that the user said."""
    mine = [message for message in body["messages"] if message.get("role") == "user"]
    return speech.joined(mine[-1]) if mine else ""


def whole_prompt(body: Json) -> str:
    """All texts of the request."""
    return speech.joined([body.get("system") or "", body["messages"]])


def answer(said: Said) -> Json:
    """The response to rawPredict."""
    return _message(said) | {
        "content": [{"type": "text", "text": said.text}],
        "stop_reason": "end_turn",
        "usage": _usage(said, said.tokens),
    }


def events(said: Said) -> list[Json]:
    """The events of streamRawPredict, from `message_start` to `message_stop`."""
    deltas = [{"type": "text_delta", "text": piece} for piece in speech.pieces(said.text)]
    return [
        {"type": "message_start", "message": _message(said)},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "ping"},
        *({"type": "content_block_delta", "index": 0, "delta": delta} for delta in deltas),
        {"type": "content_block_stop", "index": 0},
        {
            "type": "message_delta",
            "delta": {"stop_reason": "end_turn", "stop_sequence": None},
            "usage": {"output_tokens": said.tokens},
        },
        {"type": "message_stop"},
    ]


def error(status: int, message: str) -> Json:
    """The event by which a stream tells an error."""
    return {"type": "error", "error": {"type": _ERRORS.get(status, "api_error"), "message": message}}


def _message(said: Said) -> Json:
    return {
        "model": said.model,
        "id": f"msg_vrtx_{said.id}",
        "type": "message",
        "role": "assistant",
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": _usage(said, 1),
    }


def _usage(said: Said, output_tokens: int) -> Json:
    return {
        "input_tokens": said.prompt_tokens,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": 0,
        "output_tokens": output_tokens,
    }
