"""Reads a request: which model or resource it asks for, by which method, where, for whom.

Only shapes that are known are understood, letter by letter; everything else is `NotUnderstood`, with
the reason in words. Nothing is guessed: the policy decides what happens to what is not understood.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import unquote

import msgspec

from catalog.schema import Mode
from router import hosts, resources
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

    `resource` is the kind of a request that is about a located resource and never moves (its `model` is
    then empty), and `asks` the feature that it is a part of. `repeatable` is false for what would make
    something twice; `mtls` and `own_host` keep a request to the hosts that take it.
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
    resource: str = ""
    asks: str = ""
    repeatable: bool = True
    mtls: bool = False
    own_host: str = ""


class NotUnderstood(msgspec.Struct, frozen=True):
    """A request of which it can't be said where it would be processed, and why."""

    reason: str


_PLACE = re.compile(
    r"(?P<before>/(?:v1|v1beta1)/projects/(?P<project>[A-Za-z0-9](?:[A-Za-z0-9.:_-]*[A-Za-z0-9])?)/locations/)"
    r"(?P<location>[a-z0-9-]+)(?P<after>/.*)"
)
_MODEL_PATH = re.compile(
    r"/publishers/(?P<publisher>[a-z0-9-]+)/models/(?P<model>[A-Za-z0-9._@%-]+):(?P<verb>[A-Za-z]+)"
)
_BY_BODY = re.compile(
    r"/endpoints/openapi/(?P<method>chat/completions|responses|embeddings)|/publishers/openai/v1/(?P<own>responses)"
)
_EXPRESS = re.compile(r"/(?:v1|v1beta1)/publishers/")
_MODEL = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._@-]*[A-Za-z0-9])?")

_METHODS = {
    "google": frozenset(
        {
            *("generateContent", "streamGenerateContent", "countTokens", "computeTokens"),
            *("predict", "embedContent", "predictLongRunning"),
        }
    ),
    "anthropic": frozenset({"rawPredict", "streamRawPredict"}),
    "mistralai": frozenset({"rawPredict", "streamRawPredict"}),
}
_DIALECTS = {"google": Dialect.GEMINI, "anthropic": Dialect.ANTHROPIC, "mistralai": Dialect.OPENAI}

COUNT_TOKENS = "count-tokens"
LONG_RUNNING = "predictLongRunning"


# What in a query changes what is asked. Source: the system parameters of Google's APIs.
_CHANGES = re.compile(r"(?:^|[&?])\$?(?:alt=(?!json|sse|media|&|$)|http(?:Method|Headers|Body)=|req=|callback=)")
_TOKENS = re.compile(r"(?:^|[&?])(?:access_token|oauth_token|bearer_token)=")
_OVERRIDES = frozenset({"x-http-method-override", "x-http-method", "x-method-override"})

_REMEMBERED = 1024
# All that a client's own queries say; any other may hold a credential, which is not to be remembered.
_PLAIN_QUERIES = ("", "alt=sse")


def parse(asked: Incoming, private_hosts: Collection[str] = ()) -> Target | NotUnderstood:
    """What a request asks for.

    Args:
        private_hosts: hosts that are understood besides the canonical ones.
    """
    method, scheme, host, port, raw_path, headers, body = asked
    path, _, query = raw_path.partition("?")
    wanted = _Wanted(
        method,
        scheme,
        host,
        port,
        raw_path,
        mode_of(headers),
        not headers.keys().isdisjoint(_OVERRIDES),
        _model_in(body) if path.endswith(_MODEL_IN_BODY) else _NOT_LOOKED_AT,
    )
    read = _remembered if query in _PLAIN_QUERIES else _read
    return read(wanted, frozenset(private_hosts))


class _Wanted(NamedTuple):
    """All of a request on which its target depends: `overridden` by a header is its method, `model` stands in its
    body."""

    method: str
    scheme: str
    host: str
    port: int | None
    raw_path: str
    mode: Mode | None
    overridden: bool
    model: str | NotUnderstood


def _read(asked: _Wanted, private_hosts: frozenset[str]) -> Target | NotUnderstood:
    place = _place(asked, private_hosts)
    if isinstance(place, NotUnderstood):
        return place
    if asked.mode is None:
        return NotUnderstood(f"unknown value of the header {REQUEST_TYPE} or {SHARED_REQUEST_TYPE}")
    named = _named(asked, place.path)
    if isinstance(named, NotUnderstood):
        return named
    if odd := _odd(asked, place.query):
        return NotUnderstood(odd)
    if place.host.dedicated and named.resource != "endpoints":
        return NotUnderstood(f"{asked.host} is an endpoint's own host, and the path is not that of an endpoint")
    return Target(
        project=place.project,
        location=place.location,
        publisher=named.publisher,
        model=named.model,
        method=named.method,
        dialect=named.dialect,
        mode=asked.mode,
        before=place.before,
        after=f"{place.path}?{place.query}" if "?" in asked.raw_path else place.path,
        counted=named.counted,
        resource=named.resource,
        asks=named.asks,
        repeatable=named.repeatable,
        mtls=place.host.mtls,
        own_host=asked.host if place.host.dedicated else "",
    )


_remembered = lru_cache(_REMEMBERED)(_read)
"""The same few addresses are asked again and again."""


class _Place(NamedTuple):
    """The parts of an address: `before` the location, and the `path` after it."""

    host: hosts.Host
    before: str
    project: str
    location: str
    path: str
    query: str


def _place(asked: _Wanted, private_hosts: frozenset[str]) -> _Place | NotUnderstood:
    host = hosts.understood(asked.host, private_hosts)
    if asked.scheme != "https" or asked.port not in (None, 443) or host is None:
        return NotUnderstood(hosts.why_not(asked.scheme, asked.host, asked.port))
    path, _, query = asked.raw_path.partition("?")
    found = _PLACE.fullmatch(path)
    if found is None:
        return NotUnderstood(_why_not(path))
    if host.dedicated not in ("", found["location"]):
        return NotUnderstood(f"{asked.host} is in {host.dedicated}, and the path names {found['location']}")
    return _Place(host, found["before"], found["project"], found["location"], found["after"], query)


def _odd(asked: _Wanted, query: str) -> str:
    """What in query and headers may change what is asked; empty if nothing does."""
    if asked.overridden:
        return "a header replaces the method of the request; send it with the method that is meant"
    query = unquote(query)
    if _TOKENS.search(query):
        return "a token stands in the address, where it would be logged; send it as a header"
    return "the query changes the form or the method of the request" if _CHANGES.search(query) else ""


def _named(asked: _Wanted, path: str) -> _Named | NotUnderstood:
    """What the path after the location, or the body, names."""
    if asked.method == "POST" and (by_body := _BY_BODY.fullmatch(path)):
        return _openapi(by_body, asked.model)
    if resource := resources.read(asked.method, path):
        return _Named(
            "",
            "",
            "",
            resource.dialect,
            resource=resource.collection,
            asks=resource.asks,
            repeatable=resource.repeatable,
        )
    if asked.method != "POST":
        return NotUnderstood(f"only POST requests are routed to models; this is {asked.method}")
    route = _MODEL_PATH.fullmatch(path)
    whole = asked.raw_path.partition("?")[0]
    return NotUnderstood(_why_not(whole)) if route is None else _publisher(route, asked.model)


class _Named(msgspec.Struct, frozen=True):
    """What the rest of the path, or the body, names."""

    publisher: str
    model: str
    method: str
    dialect: Dialect
    counted: str = ""
    resource: str = ""
    asks: str = ""
    repeatable: bool = True


def _publisher(route: re.Match[str], counted: str | NotUnderstood) -> _Named | NotUnderstood:
    # The one escape that clients use; what else is escaped is not a model id.
    publisher, model, verb = route["publisher"], route["model"].replace("%40", "@"), route["verb"]
    if verb not in _METHODS.get(publisher, ()):
        return NotUnderstood(f"the method {verb} of publisher {publisher} is not known")
    if not _MODEL.fullmatch(model):
        return NotUnderstood("the path does not hold a model id")
    dialect = _DIALECTS[publisher]
    if publisher != "anthropic" or model != COUNT_TOKENS:
        return _Named(publisher, model, verb, dialect, repeatable=verb != LONG_RUNNING)
    if isinstance(counted, NotUnderstood):
        return counted
    return _Named(publisher, model, verb, dialect, counted)


def _openapi(path: re.Match[str], named: str | NotUnderstood) -> _Named | NotUnderstood:
    """The OpenAI-compatible endpoints: the model stands in the body, as a rule as `publisher/model`."""
    if isinstance(named, NotUnderstood):
        return named
    method = path["method"] or path["own"]
    if path["own"] and "/" not in named:
        publisher, model = "openai", named
    else:
        publisher, _, model = named.partition("/")
    if not publisher or not _MODEL.fullmatch(model):
        return NotUnderstood("the body's `model` is not of the form publisher/model")
    return _Named(publisher, model, method, Dialect.OPENAI if method == "chat/completions" else Dialect.OTHER)


# How the paths end to which the model stands in the body, or the one whose tokens are counted.
_MODEL_IN_BODY = (
    "/chat/completions",
    "/responses",
    "/embeddings",
    f"/{COUNT_TOKENS}:rawPredict",
    f"/{COUNT_TOKENS}:streamRawPredict",
)
_NOT_LOOKED_AT = NotUnderstood("no model was looked for in the body")


class _Body(msgspec.Struct):
    model: str


def _model_in(body: bytes | None) -> str | NotUnderstood:
    if body is None:
        return NotUnderstood("the model stands in the body, which can be sent only once and so not be read")
    try:
        found = msgspec.json.decode(body, type=_Body)
        twice = body.count(b'"model"') > 1 and _names_model_twice(body)
    except UNREADABLE:
        return NotUnderstood("the body is not JSON with a `model`")
    return NotUnderstood("the body names its `model` more than once") if twice else found.model


def _names_model_twice(body: bytes) -> bool:
    """Whether the top level has the key twice, of which the service may take the other one."""
    import json  # noqa: PLC0415 - hardly any body has the key at all twice

    objects: list[list[str]] = []
    json.loads(body, object_pairs_hook=lambda pairs: objects.append([key for key, _ in pairs]))
    return objects[-1].count("model") > 1


def _why_not(path: str) -> str:
    if _EXPRESS.match(path):
        return (
            "express mode: the path names no project and no location, so the service chooses where to process; "
            "give the client a project and a location instead of an API key"
        )
    if path.startswith("/ws/"):
        return "a Live session, which is no request but a connection; `Router.live` tells where it may be opened"
    if "/locations/" not in path:
        return "the path names no location"
    return f"{path} is none of the known model methods and resources"
