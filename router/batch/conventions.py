"""The ways in which people write batches. A line tells by its keys which one it is.

Source: the pages on batch prediction for Gemini, for Claude and for text embeddings (Vertex AI), on the
Batch API (OpenAI) and on Message Batches (Anthropic); the outputs are what their own jobs write.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import msgspec

from catalog.query import Catalog
from router.batch import requests, results
from router.batch.outcome import Outcome
from router.batch.requests import Object, Poisoned, Wanted
from router.batch.results import Written
from router.batch.settings import Settings


class Convention(NamedTuple):
    """A way to write rows: by which keys it is known, how a row is asked, how its end is written.

    `answer` finds the body of an answer in what was written.
    """

    name: str
    keys: frozenset[str]
    asks: Callable[[Object, Catalog, Settings], Wanted]
    ends: Callable[[Object, Outcome, int], Written]
    answer: Callable[[Mapping[str, Any]], Any]


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """A row as a request: `given` is the row as it was read."""

    convention: Convention
    given: Object
    model: str
    path: str
    body: bytes


CONVENTIONS = (
    Convention(
        "openai",
        frozenset({"custom_id", "url", "body"}),
        requests.openai,
        results.openai,
        lambda record: record["response"]["body"],
    ),
    Convention(
        "anthropic",
        frozenset({"custom_id", "params"}),
        requests.anthropic,
        results.anthropic,
        lambda record: record["result"]["message"],
    ),
    Convention("vertex", frozenset({"request"}), requests.vertex, results.vertex, lambda record: record["response"]),
    Convention(
        "instance",
        frozenset({"content"}),
        requests.instance,
        results.instance,
        lambda record: {"predictions": record["predictions"]},
    ),
    Convention("prompt", frozenset({"prompt"}), requests.prompt, results.prompt, lambda record: record["response"]),
)
"""Every convention; the first whose keys a row has is its own."""

FORMS = (
    'expected {"request": {...}} (with or without a custom_id), {"custom_id", "method", "url", "body"}, '
    '{"custom_id", "params"}, {"content"} or {"prompt"}'
)


def read(line: bytes, catalog: Catalog, settings: Settings) -> Asked:
    """The request that a line asks for.

    Raises:
        Poisoned: it can't be read, or names no model that is known.
    """
    given = requests.object_in(line)
    convention = _convention(given)
    model, path, body = convention.asks(given, catalog, settings)
    return Asked(convention=convention, given=given, model=model, path=path, body=body)


def written(asked: Asked | None, line: bytes, outcome: Outcome, row: int) -> Written:
    """What stands in the output for a row.

    Args:
        asked: None for a line that could not be read as a request.
    """
    if asked is not None:
        return asked.convention.ends(asked.given, outcome, row)
    try:
        given = requests.object_in(line)
        return _convention(given).ends(given, outcome, row)
    except Poisoned:
        return results.unread(line, outcome)


def answer_in(asked: Asked, record: Mapping[str, Any]) -> bytes:
    """The body of the answer in a record that was written for an equal request."""
    return msgspec.json.encode(asked.convention.answer(record))


def _convention(given: Object) -> Convention:
    for convention in CONVENTIONS:
        if convention.keys <= given.keys():
            return convention
    raise Poisoned(f"a row of no known form, with the keys {', '.join(sorted(given)) or '(none)'}; {FORMS}")
