from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import msgspec
import pytest

import catalog
from router.batch.conventions import CONVENTIONS, answer_in, read, written
from router.batch.outcome import Outcome
from router.batch.requests import Poisoned
from router.batch.settings import Settings

CATALOG = catalog.load()
MESSAGES = [{"role": "user", "content": "hello"}]
CONTENTS = [{"role": "user", "parts": [{"text": "hello"}]}]
OPENAI = {"custom_id": "a", "method": "POST", "url": "/v1/chat/completions"}
CHAT = "endpoints/openapi/chat/completions"
GEMINI = "publishers/google/models/gemini-3.8-flash:generateContent"
CLAUDE = "publishers/anthropic/models/claude-sonnet-5:rawPredict"
VERSION = {"anthropic_version": "vertex-2023-10-16"}

# A row, the model of the job, and what is sent: the path after the location, and the body.
ROWS: dict[str, tuple[dict[str, Any], str, str, dict[str, Any]]] = {
    "gemini": ({"request": {"contents": CONTENTS}}, "gemini-3.8-flash", GEMINI, {"contents": CONTENTS}),
    "gemini with a key": (
        *({"key": "k", "request": {"contents": CONTENTS}}, "gemini-3.8-flash"),
        *(GEMINI, {"contents": CONTENTS}),
    ),
    "claude": (
        *({"custom_id": "a", "request": {**VERSION, "messages": MESSAGES, "max_tokens": 5}}, "claude-sonnet-5"),
        *(CLAUDE, {**VERSION, "messages": MESSAGES, "max_tokens": 5}),
    ),
    "claude that names its model": (
        *({"custom_id": "a", "request": {"model": "claude-sonnet-5", "messages": MESSAGES}}, "gemini-3.8-flash"),
        *(CLAUDE, {**VERSION, "messages": MESSAGES}),
    ),
    "anthropic": (
        *({"custom_id": "a", "params": {"model": "claude-sonnet-5", "messages": MESSAGES, "stream": True}}, ""),
        *(CLAUDE, {**VERSION, "messages": MESSAGES}),
    ),
    "anthropic by the job's model": (
        *({"custom_id": "a", "params": {"messages": MESSAGES}}, "claude-sonnet-5"),
        *(CLAUDE, {**VERSION, "messages": MESSAGES}),
    ),
    "openai": (
        *({**OPENAI, "body": {"model": "google/gemini-3.8-flash", "messages": MESSAGES, "stream": True}}, ""),
        *(CHAT, {"messages": MESSAGES, "model": "google/gemini-3.8-flash"}),
    ),
    "openai, its own model before the job's": (
        *({**OPENAI, "body": {"model": "gemini-2.5-flash", "messages": MESSAGES}}, "gemini-3.8-flash"),
        *(CHAT, {"messages": MESSAGES, "model": "google/gemini-2.5-flash"}),
    ),
    "an open model": (
        *({"request": {"messages": MESSAGES}}, "gpt-oss-120b-maas"),
        *(CHAT, {"messages": MESSAGES, "model": "openai/gpt-oss-120b-maas"}),
    ),
    "mistral": (
        *({"request": {"messages": MESSAGES, "stream": True}}, "mistral-medium-3"),
        "publishers/mistralai/models/mistral-medium-3:rawPredict",
        {"model": "mistral-medium-3", "messages": MESSAGES},
    ),
    "text embeddings": (
        *({"content": "hello", "task_type": "CLASSIFICATION"}, "text-embedding-005"),
        "publishers/google/models/text-embedding-005:predict",
        {"instances": [{"content": "hello", "task_type": "CLASSIFICATION"}]},
    ),
    "gemini embeddings": (
        *({"request": {"content": {"parts": [{"text": "hello"}]}}}, "gemini-embedding-2"),
        "publishers/google/models/gemini-embedding-2:embedContent",
        {"content": {"parts": [{"text": "hello"}]}},
    ),
    "prompt": ({"prompt": "hello", "id": 4}, "gemini-3.8-flash", GEMINI, {"contents": CONTENTS}),
    "prompt for claude": (
        *({"prompt": "hello"}, "claude-sonnet-5"),
        *(CLAUDE, {**VERSION, "messages": MESSAGES, "max_tokens": 77}),
    ),
    "prompt for an open model": (
        *({"prompt": "hello"}, "gpt-oss-120b-maas"),
        *(CHAT, {"messages": MESSAGES, "model": "openai/gpt-oss-120b-maas"}),
    ),
    "prompt for embeddings": (
        *({"prompt": "hello"}, "text-embedding-005"),
        *("publishers/google/models/text-embedding-005:predict", {"instances": [{"content": "hello"}]}),
    ),
    "prompt for gemini embeddings": (
        *({"prompt": "hello"}, "gemini-embedding-2"),
        "publishers/google/models/gemini-embedding-2:embedContent",
        {"content": {"parts": [{"text": "hello"}]}},
    ),
}


def line_of(row: Any) -> bytes:
    return json.dumps(row).encode()


@pytest.mark.parametrize("name", ROWS)
def test_a_row_is_asked_in_the_way_of_its_model(name: str) -> None:
    row, model, path, body = ROWS[name]
    asked = read(line_of(row), CATALOG, Settings(model=model, max_tokens=77))
    assert asked.path == path
    assert json.loads(asked.body) == body


def test_the_rows_that_are_tried_cover_every_convention() -> None:
    settings = Settings(model="gemini-3.8-flash")
    met = {read(line_of(ROWS[name][0]), CATALOG, settings).convention.name for name in ("prompt", "gemini", "openai")}
    met |= {read(line_of(ROWS["anthropic"][0]), CATALOG, settings).convention.name}
    met |= {read(line_of({"content": "a"}), CATALOG, Settings(model="text-embedding-005")).convention.name}
    assert met == {each.name for each in CONVENTIONS}


def test_a_request_of_vertex_ai_is_passed_on_as_it_is() -> None:
    request = '{"contents" : [{"parts":[{"text":"a"}]}],  "generationConfig":{"temperature":0.10}, "big":1e400}'
    asked = read(f'{{"request":{request}}}'.encode(), CATALOG, Settings(model="gemini-3.8-flash"))
    assert asked.body.decode() == request


@pytest.mark.parametrize(
    ("line", "model", "message"),
    [
        (b"nonsense", "gemini-3.8-flash", "not a JSON object: JSON is malformed"),
        (b"[1]", "gemini-3.8-flash", "not a JSON object"),
        (b'{"prompt": "\xff"}', "gemini-3.8-flash", "not a JSON object: 'utf-8' codec can't decode"),
        (
            b'{"a": 1, "b": 2}',
            "gemini-3.8-flash",
            r"of no known form, with the keys a, b; expected \{\"request\"",
        ),
        (b"{}", "gemini-3.8-flash", r"with the keys \(none\)"),
        (b'{"request": 4}', "gemini-3.8-flash", "`request` is not a JSON object"),
        (b'{"prompt": 4}', "gemini-3.8-flash", "`prompt` is not a text, but a number"),
        (b'{"prompt": null}', "gemini-3.8-flash", "`prompt` is not a text, but null"),
        (b'{"prompt": ["a"]}', "gemini-3.8-flash", "`prompt` is not a text, but a list"),
        (b'{"prompt": "a"}', "", r"by `prompt`, nor one for the whole batch \(--model, model=\)"),
        (
            b'{"prompt": "a", "cells without a column": ["b"]}',
            *("gemini-3.8-flash", "more cells than the table has columns; a text with a comma in it must be in quotes"),
        ),
        (b'{"request": {"contents": []}}', "", "no model is named by `request`"),
        (b'{"prompt": "a"}', "gemini-9", "gemini-9"),
        (b'{"request": {"contents": []}}', "claude-sonnet-5", "claude-sonnet-5 does not take generateContent, but raw"),
        (b'{"request": {"messages": []}}', "text-embedding-005", "text-embedding-005 does not take chat/completions"),
        (b'{"custom_id": "a", "params": {}}', "gemini-3.8-flash", "is no model of Anthropic"),
        (b'{"custom_id": "a", "params": {"model": 4}}', "", "`params.model` is not a text"),
        (b'{"custom_id": "a", "url": "/v1/embeddings", "body": {}}', "", "'/v1/embeddings' is not asked here"),
        (
            b'{"custom_id": "a", "url": "/v1/chat/completions", "body": {"model": "claude-sonnet-5"}}',
            *("", "claude-sonnet-5 does not take chat/completions, but rawPredict"),
        ),
        (b'{"custom_id": "a", "url": "/v1/chat/completions", "body": {"model": "gpt-4o"}}', "", "gpt-4o"),
    ],
)
def test_a_row_that_cant_be_asked_says_why(line: bytes, model: str, message: str) -> None:
    with pytest.raises(Poisoned, match=message):
        read(line, CATALOG, Settings(model=model))


# How it ends

OK = Outcome(state="ok", status=200, body=b'{"said":"yes"}', usd=Decimal(1))
BAD = Outcome(state="rejected", status=400, message="too long", body=b'{"error":{"message":"too long"}}')
AWAY = Outcome(state="failed", message="no answer")


def end_of(row: dict[str, Any], outcome: Outcome, model: str = "gemini-3.8-flash") -> Any:
    line = line_of(row)
    try:
        asked = read(line, CATALOG, Settings(model=model))
    except Poisoned:
        asked = None
    return json.loads(msgspec.json.encode(written(asked, line, outcome, 3)))


def test_vertex_ai_repeats_the_row_with_a_status_and_a_response() -> None:
    row = {"request": {"contents": CONTENTS}, "custom_id": "a"}
    assert end_of(row, OK) == {**row, "status": "", "response": {"said": "yes"}}
    assert end_of(row, BAD) == {**row, "status": "too long", "response": {}}
    assert end_of(row, AWAY) == {**row, "status": "no answer", "response": {}}


def test_embeddings_come_with_their_instance() -> None:
    row, predictions = {"content": "hello"}, [{"embeddings": {"values": [0.5]}}]
    found = Outcome(state="ok", status=200, body=line_of({"predictions": predictions, "metadata": {}}))
    model = "text-embedding-005"
    assert end_of(row, found, model) == {"instance": row, "predictions": predictions, "status": ""}
    assert end_of(row, AWAY, model) == {"instance": row, "predictions": [], "status": "no answer"}


def test_openai_gives_every_http_answer_as_a_response() -> None:
    row = {**OPENAI, "body": {"model": "gemini-3.8-flash", "messages": MESSAGES}}
    head = {"id": "batch_req_3", "custom_id": "a"}

    def response(status: int, body: Any) -> Any:
        return {"status_code": status, "request_id": "row-3", "body": body}

    assert end_of(row, OK) == {**head, "response": response(200, {"said": "yes"}), "error": None}
    assert end_of(row, BAD) == {**head, "response": response(400, {"error": {"message": "too long"}}), "error": None}
    error = {"code": "failed", "message": "no answer"}
    assert end_of(row, AWAY) == {**head, "response": None, "error": error}


@pytest.mark.parametrize(
    ("outcome", "kind"),
    [
        *[(BAD, "invalid_request_error"), (AWAY, "api_error")],
        (Outcome(state="failed", status=429, message="no answer"), "rate_limit_error"),
        (Outcome(state="failed", status=529, message="no answer"), "overloaded_error"),
    ],
)
def test_anthropic_names_the_kind_of_error(outcome: Outcome, kind: str) -> None:
    row = {"custom_id": "a", "params": {"model": "claude-sonnet-5", "messages": MESSAGES}}
    error = {"type": "error", "error": {"type": kind, "message": outcome.message}}
    assert end_of(row, outcome) == {"custom_id": "a", "result": {"type": "errored", "error": error}}
    assert end_of(row, OK) == {"custom_id": "a", "result": {"type": "succeeded", "message": {"said": "yes"}}}


def test_a_prompts_row_is_repeated_with_error_and_response() -> None:
    row = {"prompt": "hello", "id": "4"}
    assert end_of(row, OK) == {**row, "error": None, "response": {"said": "yes"}}
    assert end_of(row, AWAY) == {**row, "error": "no answer", "response": {}}


def test_what_could_not_be_asked_is_written_in_its_own_way_all_the_same() -> None:
    poisoned = Outcome(state="rejected", message="no model is named")
    row = {"custom_id": "a", "params": {"messages": MESSAGES}}
    assert end_of(row, poisoned, "")["result"]["error"]["error"]["message"] == "no model is named"


def test_a_line_of_no_known_form_is_repeated_as_text() -> None:
    for line in (b"nonsense", b'{"a": 1}', b'{"prompt": "\xff"}'):
        end = written(None, line, Outcome(state="rejected", message="why"), 3)
        assert end == {"line": line.decode("utf-8", "replace"), "error": {"message": "why"}}
        assert json.loads(msgspec.json.encode(end))


@pytest.mark.parametrize("name", ["gemini", "claude", "anthropic", "openai", "prompt", "text embeddings"])
def test_an_answer_is_found_again_in_what_was_written(name: str) -> None:
    row, model, *_ = ROWS[name]
    asked = read(line_of(row), CATALOG, Settings(model=model))
    body = {"predictions": [1, 2]}
    outcome = Outcome(state="ok", status=200, body=line_of(body))
    record = json.loads(msgspec.json.encode(written(asked, line_of(row), outcome, 3)))
    assert json.loads(answer_in(asked, record)) == body
