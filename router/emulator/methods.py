"""The methods that can be called: for each, what its body must be, and how it is answered."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from router.emulator import chat, claude, embeddings, gemini, responses, speech, streams
from router.emulator.bodies import ErrorBody, invalid_argument, invalid_request
from router.emulator.paths import Call
from router.emulator.speech import Said
from router.emulator.streams import Stream

Json = dict[str, Any]

COUNT_TOKENS = "count-tokens"
"""The model under whose name Claude's tokens are counted; the real model stands in the body."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A request that is going to be answered.

    Args:
        sse: whether a stream of Gemini's is wanted as server-sent events.
        image: whether the model makes pictures.
        template: what models say.
    """

    call: Call
    body: Json
    sse: bool
    image: bool
    traffic_type: str
    template: str
    number: int
    created: int

    def said(self, dialect: ModuleType) -> Said:
        """What the model says to this, read in a dialect."""
        call = self.call
        return Said(
            model=call.model,
            location=call.location,
            text=speech.fill(self.template, call.model, call.location, dialect.prompt(self.body)),
            prompt_tokens=speech.count(dialect.whole_prompt(self.body)),
            traffic_type=self.traffic_type,
            number=self.number,
            created=self.created,
        )


@dataclass(frozen=True, slots=True)
class Method:
    """A method: why it refuses a body, in whose words, and how it answers one."""

    fault: Callable[[Json], str | None]
    refuse: Callable[[str], ErrorBody]
    answer: Callable[[Asked], Json | Stream]


def method_of(call: Call) -> Method:
    """The method that a call means; what `rawPredict` means depends on whose model it is."""
    if not call.method.endswith("awPredict"):
        return _METHODS[call.method]
    if call.model == COUNT_TOKENS:
        return _METHODS[COUNT_TOKENS]
    return (_CLAUDE if call.publisher == "anthropic" else _RAW_CHAT)[call.method]


def lists_errors(call: Call, *, sse: bool) -> bool:
    """Whether Google's errors come in a list, as they do where the answer could be a stream."""
    streams_array = call.method == "streamGenerateContent" and not sse
    return streams_array or call.method in ("streamRawPredict", "chat/completions")


def _stream_gemini(asked: Asked) -> Stream:
    events = gemini.events(asked.said(gemini), image=asked.image)
    return streams.gemini_events(events) if asked.sse else streams.gemini_array(events)


def _chat_name(asked: Asked) -> str:
    return str(asked.body["model"])


def _whole_chat(asked: Asked) -> Json:
    return chat.answer(asked.said(chat), _chat_name(asked))


def _stream_chat(asked: Asked) -> Stream:
    return streams.chat_events(chat.events(asked.said(chat), _chat_name(asked)))


def _openapi_chat(asked: Asked) -> Json | Stream:
    return _stream_chat(asked) if asked.body.get("stream") else _whole_chat(asked)


def _response(asked: Asked) -> Json | Stream:
    said, name = asked.said(responses), _chat_name(asked)
    if asked.body.get("stream"):
        return streams.response_events(responses.events(said, name))
    return responses.answer(said, name)


def _openapi_embeddings(asked: Asked) -> Json:
    return embeddings.openapi(asked.body, asked.call.model)


def _count_claude(asked: Asked) -> Json:
    return {"input_tokens": speech.count(claude.whole_prompt(asked.body))}


def _count_fault(body: Json) -> str | None:
    return claude.messages_fault(body) if body.get("model") else "model: Field required"


def _answer_gemini(asked: Asked) -> Json:
    return gemini.answer(asked.said(gemini), image=asked.image)


def _embed_content(asked: Asked) -> Json:
    return embeddings.embed_content(asked.body, asked.call.model)


def _predict(asked: Asked) -> Json:
    return embeddings.predict(asked.body, asked.call.model)


def _stream_claude(asked: Asked) -> Stream:
    return streams.claude_events(claude.events(asked.said(claude)))


_METHODS = {
    "generateContent": Method(gemini.fault, invalid_argument, _answer_gemini),
    "streamGenerateContent": Method(gemini.fault, invalid_argument, _stream_gemini),
    "countTokens": Method(gemini.fault, invalid_argument, lambda asked: gemini.count(asked.body)),
    "embedContent": Method(embeddings.content_fault, invalid_argument, _embed_content),
    "predict": Method(embeddings.instances_fault, invalid_argument, _predict),
    "embeddings": Method(embeddings.openapi_fault, invalid_argument, _openapi_embeddings),
    "responses": Method(responses.fault, invalid_argument, _response),
    "chat/completions": Method(chat.fault, invalid_argument, _openapi_chat),
    COUNT_TOKENS: Method(_count_fault, invalid_request, _count_claude),
}
_CLAUDE = {
    "rawPredict": Method(claude.fault, invalid_request, lambda asked: claude.answer(asked.said(claude))),
    "streamRawPredict": Method(claude.fault, invalid_request, _stream_claude),
}
_RAW_CHAT = {
    "rawPredict": Method(chat.fault, invalid_argument, _whole_chat),
    "streamRawPredict": Method(chat.fault, invalid_argument, _stream_chat),
}
