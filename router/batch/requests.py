"""How a row is asked: by its convention's keys and its model, a path and a body for the service."""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec

from catalog.errors import UnknownModel
from catalog.query import Catalog
from catalog.schema import Model
from router.batch.settings import Settings
from router.wire import UNREADABLE

Object = dict[str, msgspec.Raw]

ANTHROPIC_VERSION = "vertex-2023-10-16"
"""Put into Anthropic's batch lines, which do not carry it. Source: the page on Claude's request format."""

EXCESS = "cells without a column"
"""The key of what a row of a table has more of than its head."""

_KINDS = {b"n": "null", b"t": "true", b"f": "false", b"[": "a list", b"{": "an object", b'"': "a broken text"}
_OBJECT = msgspec.json.Decoder(Object)
_TEXT = msgspec.json.Decoder(str)
_OPENAPI = "endpoints/openapi/chat/completions"


class Poisoned(ValueError):
    """A row that can't be asked, whatever the service says: it ends here, with this message."""


class Wanted(NamedTuple):
    """What to send: `path` is what follows the location, `body` is JSON."""

    model: str
    path: str
    body: bytes


def object_in(line: bytes) -> Object:
    """A line's keys, each with its value as it stands.

    Raises:
        Poisoned: it is not a JSON object.
    """
    try:
        line.decode()  # the values are passed on unread
        return _OBJECT.decode(line)
    except UNREADABLE as error:
        raise Poisoned(f"not a JSON object: {error}") from None


def vertex(given: Object, catalog: Catalog, settings: Settings) -> Wanted:
    """`{"request": {...}}` of Vertex AI's batch prediction, with or without a `custom_id`."""
    body = _object(given["request"], "request")
    if "contents" in body or "content" in body:
        model = _known("", settings, catalog, "request")
        method = "embedContent" if "content" in body else "generateContent"
        return _published(model, method, bytes(given["request"]))
    model = _known(_name(body, "request.model"), settings, catalog, "request.model")
    return _messages(model, body)


def instance(given: Object, catalog: Catalog, settings: Settings) -> Wanted:
    """`{"content": "..."}` of Vertex AI's batch prediction for text embeddings."""
    model = _known("", settings, catalog, "content")
    _text(given["content"], "content")
    return _published(model, "predict", msgspec.json.encode({"instances": [given]}))


def openai(given: Object, catalog: Catalog, settings: Settings) -> Wanted:
    """`{"custom_id", "method", "url", "body"}` of OpenAI's Batch API."""
    url = _text(given["url"], "url")
    if url.removeprefix("/v1") != "/chat/completions":
        raise Poisoned(f"the url {url!r} is not asked here; expected /v1/chat/completions")
    body = _object(given["body"], "body")
    model = _known(_name(body, "body.model"), settings, catalog, "body.model")
    return _chat(model, body)


def anthropic(given: Object, catalog: Catalog, settings: Settings) -> Wanted:
    """`{"custom_id", "params"}` of Anthropic's Message Batches."""
    body = _object(given["params"], "params")
    model = _known(_name(body, "params.model"), settings, catalog, "params.model")
    if model.publisher != "anthropic":
        raise Poisoned(f"{model.id} is no model of Anthropic, whose batch lines these are")
    return _messages(model, body)


def prompt(given: Object, catalog: Catalog, settings: Settings) -> Wanted:
    """A prompt, of a table or of a program."""
    if EXCESS in given:
        raise Poisoned("the row has more cells than the table has columns; a text with a comma in it must be in quotes")
    said = _text(given["prompt"], "prompt")
    model = _known("", settings, catalog, "prompt")
    part: dict[str, Any] = {"parts": [{"text": said}]}
    if "generateContent" in model.methods:
        return _published(model, "generateContent", _json({"contents": [{"role": "user", **part}]}))
    if "embedContent" in model.methods:
        return _published(model, "embedContent", _json({"content": part}))
    if model.task == "embedding" and "predict" in model.methods:
        return _published(model, "predict", _json({"instances": [{"content": said}]}))
    messages = _raw([{"role": "user", "content": said}])
    limit = {"max_tokens": _raw(settings.max_tokens)} if model.publisher == "anthropic" else {}
    return _messages(model, {"messages": messages, **limit})


def _messages(model: Model, body: Object) -> Wanted:
    """A list of messages, in the way that the model takes it; a whole answer, not a stream of events."""
    if "rawPredict" not in model.methods:
        return _chat(model, body)
    kept = {key: value for key, value in body.items() if key not in ("model", "stream")}
    # Claude's body names no model, and must name the version of its format; others' do the contrary.
    own = {"anthropic_version": ANTHROPIC_VERSION} if model.publisher == "anthropic" else {"model": model.id}
    return _published(model, "rawPredict", _json({**own, **kept}))


def _chat(model: Model, body: Object) -> Wanted:
    if "chat/completions" not in model.methods:
        taken = ", ".join(model.methods) or "nothing that is asked here"
        raise Poisoned(f"{model.id} does not take chat/completions, but {taken}")
    kept = {key: value for key, value in body.items() if key != "stream"}
    return Wanted(model.id, _OPENAPI, _json({**kept, "model": f"{model.publisher}/{model.id}"}))


def _published(model: Model, method: str, body: bytes) -> Wanted:
    if method not in model.methods:
        taken = ", ".join(model.methods) or "nothing that is asked here"
        raise Poisoned(f"{model.id} does not take {method}, but {taken}")
    return Wanted(model.id, f"publishers/{model.publisher}/models/{model.id}:{method}", body)


def _known(name: str, settings: Settings, catalog: Catalog, where: str) -> Model:
    """The model that a row names, or else the job."""
    if not (name or settings.model):
        raise Poisoned(f"no model is named by `{where}`, nor one for the whole batch (--model, model=)")
    try:
        return catalog.model(name or settings.model)
    except UnknownModel as error:
        raise Poisoned(f"{error}") from None


def _name(body: Object, where: str) -> str:
    """The model that a body names, without its publisher; empty if it names none."""
    return _text(body["model"], where).rpartition("/")[2] if "model" in body else ""


def _object(raw: msgspec.Raw, where: str) -> Object:
    try:
        return _OBJECT.decode(raw)
    except UNREADABLE:
        raise Poisoned(f"`{where}` is not a JSON object") from None


def _text(raw: msgspec.Raw, where: str) -> str:
    try:
        return _TEXT.decode(raw)
    except UNREADABLE:
        found = _KINDS.get(bytes(raw)[:1], "a number")
        raise Poisoned(f"`{where}` is not a text, but {found}") from None


def _json(data: Any) -> bytes:
    return msgspec.json.encode(data)


def _raw(data: Any) -> msgspec.Raw:
    return msgspec.Raw(msgspec.json.encode(data))
