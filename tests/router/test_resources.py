from __future__ import annotations

import pytest

from router.resources import read
from router.streams import Dialect

MODEL = "/publishers/google/models/m"


@pytest.mark.parametrize(
    ("method", "path", "collection", "asks", "repeatable"),
    [
        ("GET", "/cachedContents", "cachedContents", "", True),
        ("GET", "/cachedContents/1", "cachedContents", "", True),
        ("DELETE", "/cachedContents/1", "cachedContents", "", True),
        ("PATCH", "/cachedContents/1", "cachedContents", "explicit-caching", False),
        ("POST", "/cachedContents", "cachedContents", "explicit-caching", False),
        ("POST", "/batchPredictionJobs", "batchPredictionJobs", "batch-job", False),
        ("POST", "/batchPredictionJobs/1:cancel", "batchPredictionJobs", "", True),
        ("POST", "/tuningJobs", "tuningJobs", "tuning", False),
        ("GET", "/operations/1", "operations", "", True),
        ("POST", "/operations/1:wait", "operations", "", True),
        ("GET", "/ragCorpora/1/ragFiles", "ragCorpora", "", True),
        ("POST", "/ragCorpora/1/ragFiles:import", "ragCorpora", "rag", False),
        ("POST", "/reasoningEngines/1:query", "reasoningEngines", "agents", False),
        ("POST", "/reasoningEngines/1/sessions", "reasoningEngines", "agents", False),
        ("POST", "/endpoints/1:predict", "endpoints", "own-endpoint", True),
        ("POST", "/endpoints/1:generateContent", "endpoints", "own-endpoint", True),
        ("POST", "/endpoints/1/chat/completions", "endpoints", "own-endpoint", True),
        ("POST", "/endpoints", "endpoints", "own-endpoint", False),
        ("POST", "/endpoints/1:deployModel", "endpoints", "own-endpoint", False),
        ("POST", "/evaluationRuns", "evaluationRuns", "evaluation", False),
        ("POST", "/novelties", "novelties", "other-resource", False),
        ("GET", "/novelties/1/parts/2", "novelties", "", True),
        ("GET", MODEL, "models", "", True),
        ("GET", f"{MODEL}/operations/1", "operations", "", True),
        ("POST", f"{MODEL}/operations/1:cancel", "operations", "", True),
        ("POST", f"{MODEL}:fetchPredictOperation", "operations", "", True),
        ("GET", f"{MODEL}:fetchPublisherModelConfig", "models", "", True),
        ("POST", f"{MODEL}:setPublisherModelConfig", "models", "bucket-output", False),
    ],
)
def test_a_resource_is_known_by_its_path(method: str, path: str, collection: str, asks: str, repeatable: bool) -> None:
    found = read(method, path)
    assert found is not None
    assert (found.collection, found.asks, found.repeatable) == (collection, asks, repeatable)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", f"{MODEL}:generateContent"),
        ("GET", f"{MODEL}:generateContent"),
        ("POST", MODEL),
        ("POST", "/publishers/google"),
        ("POST", "/endpoints/openapi/chat/completions"),
        ("POST", "/endpoints/openapi/novelties"),
        ("GET", "/cachedContents/"),
        ("GET", "/cachedContents//1"),
        ("GET", "/cachedContents/.."),
        ("GET", "/cachedContents/1/../../us/cachedContents/2"),
        ("GET", "/cachedContents/%2e%2e"),
        ("GET", "/cachedContents/1:a:b"),
        ("GET", "/"),
        ("GET", "/cached Contents"),
    ],
)
def test_anything_else_is_none(method: str, path: str) -> None:
    assert read(method, path) is None


@pytest.mark.parametrize(
    ("path", "dialect"),
    [
        ("/endpoints/1:generateContent", Dialect.GEMINI),
        ("/endpoints/1:streamGenerateContent", Dialect.GEMINI),
        ("/endpoints/1/chat/completions", Dialect.OPENAI),
        ("/endpoints/1:streamRawPredict", Dialect.OTHER),
        ("/reasoningEngines/1:streamQuery", Dialect.OTHER),
    ],
)
def test_an_endpoint_speaks_the_language_of_its_method(path: str, dialect: Dialect) -> None:
    found = read("POST", path)
    assert found is not None
    assert found.dialect is dialect
