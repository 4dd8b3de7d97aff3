"""Requests about resources that have a location: caches, jobs, operations, endpoints, corpora.

They are never moved. What only reads, lists, deletes or polls touches data at rest, which stays in the
location that was chosen; what makes or uses a resource asks for the feature that it is a part of.

Source: the REST reference of Vertex AI; google-genai for the paths that it builds.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from router.streams import Dialect


class Resource(NamedTuple):
    """A request about a resource, as its path tells.

    `collection` names the kind; `asks` is the feature that it makes or uses, empty for one that only
    touches data at rest; `repeatable` says that to send it twice does no more than to send it once.
    """

    collection: str
    asks: str
    dialect: Dialect
    repeatable: bool


_PATH = re.compile(r"/(?P<collection>[A-Za-z]+)(?:/[A-Za-z0-9_@~-][A-Za-z0-9._@~-]*)*(?::(?P<verb>[A-Za-z]+))?")
_NESTED = re.compile(
    r"/publishers/[a-z0-9-]+/models/[A-Za-z0-9._@-]+/operations/[A-Za-z0-9_-]+(?::(?P<verb>[A-Za-z]+))?"
)
_OF_A_MODEL = re.compile(r"/publishers/[a-z0-9-]+/models/(?:[A-Za-z0-9._@-]|%40)+(?::(?P<verb>[A-Za-z]+))?")
_CHAT = re.compile(r"/endpoints/[A-Za-z0-9_-]+/chat/completions")

_ASKS = {
    "cachedContents": "explicit-caching",
    "batchPredictionJobs": "batch-job",
    "tuningJobs": "tuning",
    "endpoints": "own-endpoint",
    "models": "own-endpoint",
    "ragCorpora": "rag",
    "ragEngineConfig": "rag",
    "retrieveContexts": "rag",
    "interactions": "interactions",
    **dict.fromkeys(("evaluationRuns", "evaluationItems", "evaluationSets", "evaluationMetrics"), "evaluation"),
    **dict.fromkeys(
        ("agents", "environments", "exampleStores", "memories", "reasoningEngines", "sessions", "triggers"), "agents"
    ),
}
_AT_REST_VERBS = frozenset({"cancel", "wait", "fetchPredictOperation", "fetchPublisherModelConfig"})
_CONFIG = "setPublisherModelConfig"


def read(method: str, path: str) -> Resource | None:
    """What the path after the location asks for; None when it is not about a resource.

    Args:
        path: what follows the location, from the slash on, without a query.
    """
    if ".." in path or "//" in path or path.startswith("/endpoints/openapi"):
        return None
    of_model = _NESTED.fullmatch(path) or _OF_A_MODEL.fullmatch(path)
    found = of_model or _PATH.fullmatch(path)
    if found is None or (of_model is None and path.startswith("/publishers")):
        return None
    verb = found["verb"] or ""
    at_rest = verb in _AT_REST_VERBS or (not verb and method in ("GET", "DELETE"))
    if of_model is not None:
        if not at_rest and verb != _CONFIG:
            return None
        kind = "operations" if "peration" in path else "models"
        # The configuration of a model says where its prompts and answers are logged.
        asks = "bucket-output" if verb == _CONFIG else ""
        return Resource(kind, asks, Dialect.OTHER, repeatable=at_rest)
    collection = found["collection"]
    asks = "" if at_rest else _ASKS.get(collection, "other-resource")
    return Resource(collection, asks, _dialect(path, verb), repeatable=at_rest or _answers(path, verb))


def _answers(path: str, verb: str) -> bool:
    """Whether it asks a model behind an endpoint, which makes nothing that would be made twice."""
    return path.startswith("/endpoints/") and (bool(_CHAT.fullmatch(path)) or verb in _INFERENCE)


_INFERENCE = frozenset(
    {
        *("generateContent", "streamGenerateContent", "countTokens", "predict", "rawPredict", "streamRawPredict"),
        *("serverStreamingPredict", "explain", "embedContent", "computeTokens"),
    }
)


def _dialect(path: str, verb: str) -> Dialect:
    if verb in ("generateContent", "streamGenerateContent"):
        return Dialect.GEMINI
    return Dialect.OPENAI if _CHAT.fullmatch(path) else Dialect.OTHER
