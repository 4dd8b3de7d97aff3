"""How embedding models are spoken to and answer: embedContent and predict."""

from __future__ import annotations

import math
import random
from typing import Any

from router.emulator import speech

Json = dict[str, Any]

_SIZES = {"predict": 768, "embedContent": 3072}
_LARGEST = 3072


def content_fault(body: Json) -> str | None:
    """Why the service refuses a body of embedContent, or None."""
    content = body.get("content")
    if not isinstance(content, dict) or not isinstance(content.get("parts"), list) or not content["parts"]:
        return "Unable to submit request because it must include a content with parts."
    return _size_fault(_config(body).get("outputDimensionality"))


def instances_fault(body: Json) -> str | None:
    """Why the service refuses a body of predict, or None."""
    instances = body.get("instances")
    if not isinstance(instances, list) or not instances:
        return "Invalid value at 'instances': expected at least one instance."
    if not all(isinstance(each, dict) and isinstance(each.get("content"), str) for each in instances):
        return "The text content is empty."
    return _size_fault(_parameters(body).get("outputDimensionality"))


def openapi_fault(body: Json) -> str | None:
    """Why the service refuses a body of the OpenAI-compatible embeddings, or None."""
    texts = body.get("input")
    if not isinstance(body.get("model"), str) or not body["model"]:
        return "Invalid value at 'model': expected the name of a model."
    if not texts or not all(isinstance(each, str) for each in ([texts] if isinstance(texts, str) else texts)):
        return "Invalid value at 'input': expected a text or a list of texts."
    return _size_fault(body.get("dimensions"))


def openapi(body: Json, model: str) -> Json:
    """The response to the OpenAI-compatible embeddings."""
    texts = [body["input"]] if isinstance(body["input"], str) else body["input"]
    size = body.get("dimensions") or _SIZES["predict"]
    tokens = sum(speech.count(text) for text in texts)
    return {
        "object": "list",
        "model": body["model"],
        "data": [
            {"object": "embedding", "index": index, "embedding": _vector(model, text, size)}
            for index, text in enumerate(texts)
        ],
        "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
    }


def embed_content(body: Json, model: str) -> Json:
    """The response to embedContent."""
    text = speech.joined(body["content"])
    size = _config(body).get("outputDimensionality") or _SIZES["embedContent"]
    return {
        "embedding": {"values": _vector(model, text, size)},
        "truncated": False,
        "usageMetadata": {"promptTokenCount": speech.count(text), "totalTokenCount": speech.count(text)},
    }


def predict(body: Json, model: str) -> Json:
    """The response to predict."""
    size = _parameters(body).get("outputDimensionality") or _SIZES["predict"]
    texts = [instance["content"] for instance in body["instances"]]
    return {
        "predictions": [{"embeddings": _embedding(model, text, size)} for text in texts],
        "metadata": {"billableCharacterCount": sum(len("".join(text.split())) for text in texts)},
    }


def _config(body: Json) -> Json:
    """The settings of embedContent, which stand in the body or in a table of it."""
    config = body.get("embedContentConfig")
    return config if isinstance(config, dict) else body


def _parameters(body: Json) -> Json:
    parameters = body.get("parameters")
    return parameters if isinstance(parameters, dict) else {}


def _embedding(model: str, text: str, size: int) -> Json:
    statistics = {"truncated": False, "token_count": speech.count(text)}
    return {"values": _vector(model, text, size), "statistics": statistics}


def _size_fault(size: object) -> str | None:
    if size is None or (isinstance(size, int) and 1 <= size <= _LARGEST):
        return None
    return f"Unable to submit request because outputDimensionality must be from 1 to {_LARGEST}."


def _vector(model: str, text: str, size: int) -> list[float]:
    """A vector of length 1 that is the same each time for a model and a text, wherever it is made."""
    seed = f"{model}\n{text}".encode(errors="surrogatepass")  # JSON may hold half characters
    source = random.Random(seed)  # noqa: S311 - it has to be the same each time
    values = [source.gauss(0, 1) for _ in range(size)]
    length = math.sqrt(sum(value * value for value in values))
    return [round(value / length, 8) for value in values]
