"""Reads a request: which model it asks for, by which method, where, for whom.

Only shapes that are known are understood, letter by letter; everything else is `NotUnderstood`, with
the reason in words. Nothing is guessed: the policy decides what happens to what is not understood.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from typing import NamedTuple

import msgspec

from catalog.schema import Mode
from router.modes import REQUEST_TYPE, SHARED_REQUEST_TYPE, mode_of
from router.streams import Dialect
from router.wire import UNREADABLE


class Incoming(NamedTuple):
    """A request as its client made it.

    `host` is in lower case, without a port; `raw_path` path and query as they go over the wire;
    `headers` are looked up in lower case; `body` is None when it can be sent only once, and so can't
    be looked at.
    """

    method: str
    scheme: str
    host: str
    port: int | None
    raw_path: str
    headers: Mapping[str, str]
    body: bytes | None


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """A request that was understood.

    `model` is the id or alias by which the catalog is asked where the request may go; for Claude's
    token counting that is `count-tokens`, and `counted` the model in the body. `before` and `after`
    are the raw path (with its query) around the location, which is all that ever changes of it.
    """

    project: str
    location: str
    publisher: str
    model: str
    method: str
    dialect: Dialect
    mode: Mode
    before: str
    after: str
    counted: str = ""


class NotUnderstood(msgspec.Struct, frozen=True):
    """A request of which it can't be said where it would be processed, and why."""

    reason: str


_HOST = re.compile(r"(?:[a-z0-9-]+-)?aiplatform(?:\.[a-z]+\.rep)?\.googleapis\.com")
_ROUTE = re.compile(
    r"(?P<before>/(?:v1|v1beta1)/projects/(?P<project>[A-Za-z0-9](?:[A-Za-z0-9.:_-]*[A-Za-z0-9])?)/locations/)"
    r"(?P<location>[a-z0-9-]+)"
    r"(?P<after>/(?:publishers/(?P<publisher>[a-z0-9-]+)/models/(?P<model>[A-Za-z0-9._@%-]+):(?P<verb>[A-Za-z]+)"
    r"|endpoints/openapi/chat/completions))"
)
_EXPRESS = re.compile(r"/(?:v1|v1beta1)/publishers/")
_MODEL = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._@-]*[A-Za-z0-9])?")

_METHODS = {
    "google": frozenset({"generateContent", "streamGenerateContent", "countTokens", "predict", "embedContent"}),
    "anthropic": frozenset({"rawPredict", "streamRawPredict"}),
    "mistralai": frozenset({"rawPredict", "streamRawPredict"}),
}
_DIALECTS = {"google": Dialect.GEMINI, "anthropic": Dialect.ANTHROPIC, "mistralai": Dialect.OPENAI}

COUNT_TOKENS = "count-tokens"
CHAT_COMPLETIONS = "chat/completions"


def parse(asked: Incoming, private_hosts: Collection[str] = ()) -> Target | NotUnderstood:
    """What a request asks for.

    Args:
        private_hosts: hosts that are understood besides the canonical ones.
    """
    if asked.method != "POST":
        return NotUnderstood(f"only POST requests are routed; this is {asked.method}")
    known = _HOST.fullmatch(asked.host) or asked.host in private_hosts
    if asked.scheme != "https" or asked.port not in (None, 443) or not known:
        port = f":{asked.port}" if asked.port else ""
        return NotUnderstood(f"{asked.scheme}://{asked.host}{port} is not a Vertex AI host")
    path, question, query = asked.raw_path.partition("?")
    route = _ROUTE.fullmatch(path)
    if route is None:
        return NotUnderstood(_why_not(path))
    mode = mode_of(asked.headers)
    if mode is None:
        return NotUnderstood(f"unknown value of the header {REQUEST_TYPE} or {SHARED_REQUEST_TYPE}")
    named = _openapi(asked.body) if route["publisher"] is None else _publisher(route, asked.body)
    if isinstance(named, NotUnderstood):
        return named
    return Target(
        project=route["project"],
        location=route["location"],
        publisher=named.publisher,
        model=named.model,
        method=named.method,
        dialect=named.dialect,
        mode=mode,
        before=route["before"],
        after=f"{route['after']}{question}{query}",
        counted=named.counted,
    )


class _Named(msgspec.Struct, frozen=True):
    """What the rest of the path, or the body, names."""

    publisher: str
    model: str
    method: str
    dialect: Dialect
    counted: str = ""


def _publisher(route: re.Match[str], body: bytes | None) -> _Named | NotUnderstood:
    # The one escape that clients use; what else is escaped is not a model id.
    publisher, model, verb = route["publisher"], route["model"].replace("%40", "@"), route["verb"]
    if verb not in _METHODS.get(publisher, ()):
        return NotUnderstood(f"the method {verb} of publisher {publisher} is not known")
    if not _MODEL.fullmatch(model):
        return NotUnderstood("the path does not hold a model id")
    dialect = _DIALECTS[publisher]
    if publisher != "anthropic" or model != COUNT_TOKENS:
        return _Named(publisher, model, verb, dialect)
    counted = _body(body)
    if isinstance(counted, NotUnderstood):
        return counted
    return _Named(publisher, model, verb, dialect, counted.model)


def _openapi(body: bytes | None) -> _Named | NotUnderstood:
    """The OpenAI-compatible endpoint: the model stands in the body as `publisher/model`."""
    found = _body(body)
    if isinstance(found, NotUnderstood):
        return found
    publisher, _, model = found.model.partition("/")
    if not publisher or not _MODEL.fullmatch(model):
        return NotUnderstood("the body's `model` is not of the form publisher/model")
    return _Named(publisher, model, CHAT_COMPLETIONS, Dialect.OPENAI)


class _Body(msgspec.Struct):
    model: str


def _body(body: bytes | None) -> _Body | NotUnderstood:
    if body is None:
        return NotUnderstood("the model stands in the body, which can be sent only once and so not be read")
    try:
        found = msgspec.json.decode(body, type=_Body)
        twice = body.count(b'"model"') > 1 and _names_model_twice(body)
    except UNREADABLE:
        return NotUnderstood("the body is not JSON with a `model`")
    return NotUnderstood("the body names its `model` more than once") if twice else found


def _names_model_twice(body: bytes) -> bool:
    """Whether the top level has the key twice, of which the service may take the other one."""
    objects: list[list[str]] = []
    json.loads(body, object_pairs_hook=lambda pairs: objects.append([key for key, _ in pairs]))
    return objects[-1].count("model") > 1


def _why_not(path: str) -> str:
    if _EXPRESS.match(path):
        return (
            "express mode: the path names no project and no location, so the service chooses where to process; "
            "give the client a project and a location instead of an API key"
        )
    if "/locations/" not in path:
        return "the path names no location"
    return f"{path} is none of the known model methods"
