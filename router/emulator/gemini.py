"""How Gemini is spoken to and answers: generateContent, streamGenerateContent, countTokens."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from router.emulator import speech
from router.emulator.speech import Said

Json = dict[str, Any]

_PIXEL = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="  # PNG, 1 x 1
)


def fault(body: Json) -> str | None:
    """Why the service refuses this body, or None."""
    contents = body.get("contents")
    if not contents:
        return "Unable to submit request because at least one contents field is required."
    if not isinstance(contents, list) or not all(isinstance(each, dict) for each in contents):
        return "Invalid value at 'contents': expected a list of messages."
    for index, content in enumerate(contents):
        parts = content.get("parts")
        if not isinstance(parts, list) or not parts:
            return f"Unable to submit request because contents[{index}] must include at least one parts field."
        if content.get("role", "user") not in ("user", "model", "function"):
            return "Please use a valid role: user, model."
    return None


def prompt(body: Json) -> str:
    """The last thing that the user said."""
    mine = [content for content in body["contents"] if content.get("role", "user") != "model"]
    return speech.joined(mine[-1]) if mine else ""


def whole_prompt(body: Json) -> str:
    """All texts of the request."""
    return speech.joined([body.get("systemInstruction") or {}, body["contents"]])


def answer(said: Said, *, image: bool = False) -> Json:
    """The response to generateContent; of image models, with the smallest picture there is."""
    picture = [{"inlineData": {"mimeType": "image/png", "data": _PIXEL}}] if image else []
    return _chunk(said, [{"text": said.text}, *picture], last=True)


def events(said: Said, *, image: bool = False) -> list[Json]:
    """The responses to streamGenerateContent; the last one has the finish reason and the usage."""
    *first, last = speech.pieces(said.text)
    picture = [{"inlineData": {"mimeType": "image/png", "data": _PIXEL}}] if image else []
    return [_chunk(said, [{"text": piece}], last=False) for piece in first] + [
        _chunk(said, [{"text": last}, *picture], last=True)
    ]


def count(body: Json) -> Json:
    """The response to countTokens."""
    text = whole_prompt(body)
    return {
        "totalTokens": speech.count(text),
        "totalBillableCharacters": len("".join(text.split())),
        "promptTokensDetails": [{"modality": "TEXT", "tokenCount": speech.count(text)}],
    }


def _chunk(said: Said, parts: list[Json], *, last: bool) -> Json:
    candidate: Json = {"content": {"role": "model", "parts": parts}}
    chunk: Json = {"candidates": [candidate | ({"finishReason": "STOP"} if last else {})]}
    if last:
        chunk["usageMetadata"] = _usage(said)
    created = datetime.fromtimestamp(said.created, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return chunk | {"modelVersion": said.model, "createTime": created, "responseId": said.id}


def _usage(said: Said) -> Json:
    return {
        "promptTokenCount": said.prompt_tokens,
        "candidatesTokenCount": said.tokens,
        "totalTokenCount": said.prompt_tokens + said.tokens,
        "trafficType": said.traffic_type,
        "promptTokensDetails": [{"modality": "TEXT", "tokenCount": said.prompt_tokens}],
        "candidatesTokensDetails": [{"modality": "TEXT", "tokenCount": said.tokens}],
    }
