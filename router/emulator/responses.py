"""OpenAI's newer way to speak to models: `publishers/openai/v1/responses`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from router.emulator import speech
from router.emulator.speech import Said

Json = dict[str, Any]


def fault(body: Json) -> str | None:
    """Why the service refuses this body, or None."""
    if not isinstance(body.get("model"), str) or not body["model"]:
        return "Invalid value at 'model': expected the name of a model."
    if not isinstance(body.get("input"), (str, list)) or not body["input"]:
        return "Invalid value at 'input': expected a text or messages."
    return None


def prompt(body: Json) -> str:
    """The last thing that the user said."""
    said = body["input"]
    return said if isinstance(said, str) else speech.joined(said[-1])


def whole_prompt(body: Json) -> str:
    """All texts of the request."""
    return speech.joined([body.get("instructions") or "", body["input"]])


def answer(said: Said, name: str) -> Json:
    """The response in one piece; `name` is the model as the request writes it."""
    return _response(said, name, "completed", [_message(said, said.text, "completed")]) | {"usage": _usage(said)}


def events(said: Said, name: str) -> list[Json]:
    """The events of a stream, from `response.created` to `response.completed`."""
    return [{**event, "sequence_number": number} for number, event in enumerate(_events(said, name))]


def _events(said: Said, name: str) -> Iterator[Json]:
    place = {"item_id": f"msg_{said.id}", "output_index": 0, "content_index": 0}
    begun = _response(said, name, "in_progress", [])
    yield {"type": "response.created", "response": begun}
    yield {"type": "response.output_item.added", "output_index": 0, "item": _message(said, "", "in_progress")}
    yield {"type": "response.content_part.added", **place, "part": _part("")}
    for piece in speech.pieces(said.text):
        yield {"type": "response.output_text.delta", **place, "delta": piece, "logprobs": []}
    yield {"type": "response.output_text.done", **place, "text": said.text, "logprobs": []}
    yield {"type": "response.content_part.done", **place, "part": _part(said.text)}
    yield {"type": "response.output_item.done", "output_index": 0, "item": _message(said, said.text, "completed")}
    yield {"type": "response.completed", "response": answer(said, name)}


def _response(said: Said, name: str, status: str, output: list[Json]) -> Json:
    return {
        "id": f"resp_{said.id}",
        "object": "response",
        "created_at": said.created,
        "status": status,
        "model": name,
        "output": output,
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
    }


def _message(said: Said, text: str, status: str) -> Json:
    content = [_part(text)] if text else []
    return {"id": f"msg_{said.id}", "type": "message", "role": "assistant", "status": status, "content": content}


def _part(text: str) -> Json:
    return {"type": "output_text", "text": text, "annotations": []}


def _usage(said: Said) -> Json:
    return {
        "input_tokens": said.prompt_tokens,
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": said.tokens,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": said.prompt_tokens + said.tokens,
    }
