"""Reads the path of a request to Vertex AI: which model, where, and what is asked of it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote

_CALL = re.compile(
    r"/(?P<version>v1|v1beta1)/projects/(?P<project>[^/]+)/locations/(?P<location>[^/]+)/"
    r"(?:publishers/(?P<publisher>[a-z0-9-]+)/models/(?P<model>[^/:]+):(?P<method>[A-Za-z]+)"
    r"|endpoints/openapi/(?P<openapi>chat/completions|embeddings)|publishers/openai/v1/(?P<openai>responses))"
)

BY_BODY = ("chat/completions", "embeddings", "responses")
"""Methods whose model only the body names."""

METHODS = (
    "generateContent",
    "streamGenerateContent",
    "countTokens",
    "embedContent",
    "predict",
    "rawPredict",
    "streamRawPredict",
    *BY_BODY,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """What a request asks for. `publisher` and `model` are empty where only the body tells them."""

    version: str
    project: str
    location: str
    publisher: str
    model: str
    method: str


def read(verb: str, path: str) -> Call | None:
    """The call that a verb and a path (without query) make, or None when they lead nowhere."""
    found = _CALL.fullmatch(unquote(path))
    if found is None or verb != "POST":
        return None
    method = found["method"] or found["openapi"] or found["openai"]
    if method not in METHODS:
        return None
    return Call(
        version=found["version"],
        project=found["project"],
        location=found["location"],
        publisher=found["publisher"] or "",
        model=found["model"] or "",
        method=method,
    )
