"""What a body asks for beyond the model's own work: searches, caches, corpora, tools on the other side.

Each has an id, under which the catalog says whether it stays where the model's processing stays.
Tools are read from a list of what is known to be harmless: one that is not on it is a feature of its
own, so that a tool of tomorrow is refused under a residency and not waved through.

Source: the reference of `Tool` in generateContent; Anthropic's and OpenAI's references of `tools`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache

from router.members import elements, holds, members, string
from router.streams import Dialect

ANOTHER_TOOL = "another-tool"

_GEMINI_TOOLS = {
    "functiondeclarations": "",
    "googlesearch": "google-search",
    "googlesearchretrieval": "google-search",
    "enterprisewebsearch": "enterprise-web-search",
    "googlemaps": "google-maps",
    "urlcontext": "url-context",
    "codeexecution": "code-execution",
    "computeruse": "computer-use",
    "exaaisearch": "exa-search",
    "parallelaisearch": "external-search",
}
_RETRIEVALS = {
    "vertexragstore": "rag",
    "vertexaisearch": "data-store",
    "externalapi": "external-search",
    "disableattribution": "",
}
# Tools that the caller runs; the model only says how.
_RUN_BY_THE_CALLER = re.compile(r"custom|function|(?:bash|text_editor|computer|memory)_[0-9]+")

_MEMBERS = {
    "modelarmorconfig": "model-armor",
    "websearchoptions": "google-search",
    "mcpservers": "claude-server-tool",
    "inferencegeo": "inference-geo",
    "storageuri": "bucket-output",
    "outputgcsuri": "bucket-output",
}
STATE = ("container", "previousinteractionid", "continuationtoken", "previousresponseid", "conversation")
"""Members by which a request goes on from what an earlier one has left with the service."""

USUAL = "generationConfig"
"""A member of many bodies, with no more than settings in it as a rule."""

_HOLDERS = frozenset({"google", "extrabody", "parameters", USUAL.lower()})
"""Members in which others of these stand."""

_ROUTING = ("routingconfig", "modelconfig", "modelselectionconfig")
_PLAIN_TIERS = frozenset(
    {"", "auto", "default", "standard", "standard_only", "service_tier_unspecified", "unspecified"}
)

_TELLING = frozenset({*_MEMBERS, *STATE, *_ROUTING, *_HOLDERS, "tools", "cachedcontent", "servicetier"})

_DEVELOPER_FILE = re.compile(rb'(?<!\\)"https://generativelanguage\.googleapis\.com/[^"\\\s]*"')


def named(top: Mapping[str, bytes]) -> dict[str, bytes]:
    """The members that say something, under names as both spellings (`cachedContent`, `cached_content`) share."""
    return {_plain_name(name): value for name, value in top.items() if value.strip() != b"null"}


def _plain_name(name: str) -> str:
    return name.replace("_", "").lower()


@lru_cache(256)
def tells(name: str) -> bool:
    """Whether a member of this name, however it is spelled, may bind a request or ask for something."""
    return _plain_name(name) in _TELLING


def features(top: Mapping[str, bytes], dialect: Dialect) -> Iterator[str]:
    """The ids of what is asked for.

    Args:
        top: members of the body, as `named` gives them.
    """
    yield from (feature for name, feature in _MEMBERS.items() if name in top)
    if "tools" in top:
        yield from _tools(top["tools"], dialect)
    if top.get("cachedcontent", b'""').strip() != b'""':
        yield "explicit-caching"
    if any(name in top for name in STATE):
        yield "stored-state"
    if "servicetier" in top and (string(top["servicetier"]) or "?").lower() not in _PLAIN_TIERS:
        yield "service-tier"
    if any(name in top for name in _ROUTING):
        yield "model-routing"
    for name in _HOLDERS & top.keys():
        inside = members(top[name])
        yield from [ANOTHER_TOOL] if inside is None else features(named(inside), dialect)


def names_developer_file(text: bytes) -> bool:
    """Whether a body names a file of the Gemini Developer API, which Vertex AI does not have."""
    return holds(text, b"generativelanguage.googleapis.com") and bool(_DEVELOPER_FILE.search(text))


def _tools(value: bytes, dialect: Dialect) -> Iterator[str]:
    tools = elements(value)
    for tool in [b""] if tools is None else tools:
        found = members(tool)
        if found is None:
            yield ANOTHER_TOOL
        elif dialect is Dialect.GEMINI or (dialect is Dialect.OTHER and "type" not in found):
            yield from _gemini_tool(named(found))
        else:
            yield from _typed_tool(named(found), dialect)


def _gemini_tool(tool: Mapping[str, bytes]) -> Iterator[str]:
    for name, value in tool.items():
        if name == "retrieval":
            inside = members(value)
            kinds = [""] if inside is None else named(inside)
            yield from filter(None, (_RETRIEVALS.get(kind, ANOTHER_TOOL) for kind in kinds))
        elif feature := _GEMINI_TOOLS.get(name, ANOTHER_TOOL):
            yield feature


def _typed_tool(tool: Mapping[str, bytes], dialect: Dialect) -> Iterator[str]:
    kind = string(tool["type"]) if "type" in tool else "custom"
    if kind is not None and _RUN_BY_THE_CALLER.fullmatch(kind):
        return
    if dialect is not Dialect.ANTHROPIC:
        yield ANOTHER_TOOL
    elif kind is not None and re.fullmatch("web_search(?:_[0-9]+)?", kind):
        yield "claude-web-search"
    else:
        yield "claude-server-tool"
