"""Which call is evidence that a model is served at a location, and whether it costs money.

The call must reach the model itself, by a path that names it and the location, and be as cheap as
such a call can be. A description of the model (`GET publishers/.../models/...`) reaches no model: it
was seen to answer 404 for one that serves, and listing on a host proves nothing.

Source: Google's page on counting tokens and its Gemini notes (countTokens: not charged, 3,000 a
minute; 404 NOT_FOUND where the model is not served; not for Live, Veo and embeddings); the Claude pages
(`count-tokens` is a model of its own, at a few locations only, so that its answer says nothing of where
another Claude model is served); the pages of partner and open models (rawPredict, and chat/completions
with the model in the body).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from catalog.schema import Model

WORD = "Hi"
"""All that is ever sent to a model."""


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """One request to a model: `path` is what follows the location, `method` what people call it."""

    method: str
    path: str
    body: bytes
    costs: bool


class NoCall(msgspec.Struct, frozen=True):
    """There is no cheap evidence for a model, and why."""

    reason: str


class Pair(msgspec.Struct, frozen=True, kw_only=True):
    """A model at a location, and the call that tells whether it answers there."""

    model: str
    location: str
    host: str
    call: Call

    def __str__(self) -> str:
        return f"{self.model} at {self.location}"


def call_for(model: Model, counted: str = "") -> Call | NoCall:
    """The cheapest call that is evidence for a model.

    Args:
        counted: the Claude model whose tokens `count-tokens` is asked to count; empty if there is none.
    """
    if model.task == "count":
        return _count_tokens(model, counted) if counted else NoCall("no Claude model whose tokens it could count")
    if model.publisher == "google" and "countTokens" in model.methods and model.task not in _NOT_COUNTED:
        return _gemini_count(model)
    makers = _MAKERS.get((model.publisher, model.task)) or _OPEN.get(model.task)
    if makers is None:
        return NoCall(f"no cheap call is evidence for a model for {model.task}")
    for method, make in makers.items():
        if method in model.methods:
            return make(model)
    known = ", ".join(model.methods)
    return NoCall(f"none of its methods ({known}) is a cheap one" if known else "its methods are not known")


def _call(model: Model, verb: str, body: dict[str, Any], *, method: str = "", costs: bool = True) -> Call:
    path = f"publishers/{model.publisher}/models/{model.id}:{verb}"
    return Call(method=method or verb, path=path, body=msgspec.json.encode(body), costs=costs)


def _gemini_count(model: Model) -> Call:
    contents = [{"role": "user", "parts": [{"text": WORD}]}]
    return _call(model, "countTokens", {"contents": contents}, costs=False)


def _count_tokens(model: Model, counted: str) -> Call:
    """Counting for Claude: not charged, and evidence for itself alone."""
    body = {"model": counted, "messages": _messages()}
    return _call(model, "rawPredict", body, method="count-tokens:rawPredict", costs=False)


def _predict(model: Model) -> Call:
    """An embedding of one word; multimodal models take it as `text`."""
    field = "text" if model.id.startswith("multimodal") else "content"
    return _call(model, "predict", {"instances": [{field: WORD}]})


def _embed_content(model: Model) -> Call:
    return _call(model, "embedContent", {"content": {"parts": [{"text": WORD}]}})


def _claude(model: Model) -> Call:
    body = {"anthropic_version": "vertex-2023-10-16", "messages": _messages(), "max_tokens": 1}
    return _call(model, "rawPredict", body)


def _mistral(model: Model) -> Call:
    return _call(model, "rawPredict", {"model": model.id, "messages": _messages(), "max_tokens": 1})


def _chat(model: Model) -> Call:
    body = {"model": f"{model.publisher}/{model.id}", "messages": _messages(), "max_tokens": 1}
    method = "chat/completions"
    return Call(method=method, path=f"endpoints/openapi/{method}", body=msgspec.json.encode(body), costs=True)


def _messages() -> list[dict[str, str]]:
    return [{"role": "user", "content": WORD}]


_Makers = dict[str, Callable[[Model], Call]]

_NOT_COUNTED = frozenset({"live", "video", "embedding"})
"""For these tasks the answer of countTokens is no evidence."""

# The first method that a model has is taken.
_MAKERS: dict[tuple[str, str], _Makers] = {
    ("google", "embedding"): {"predict": _predict, "embedContent": _embed_content},
    ("anthropic", "text"): {"rawPredict": _claude},
    ("mistralai", "text"): {"rawPredict": _mistral},
    ("mistralai", "code"): {"rawPredict": _mistral},
}
# Of every other publisher: those that speak OpenAI's way.
_OPEN: dict[str, _Makers] = {"text": {"chat/completions": _chat}, "code": {"chat/completions": _chat}}
