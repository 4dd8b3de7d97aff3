"""How a row's end is written: what stands in its convention's output, and where in that the answer is."""

from __future__ import annotations

from typing import Any

import msgspec

from router.batch.outcome import Outcome
from router.batch.requests import Object

Written = dict[str, Any]

_EMPTY = msgspec.Raw(b"{}")
_PREDICTIONS = msgspec.json.Decoder(dict[str, msgspec.Raw])

# What Anthropic calls an error of a status.
_ANTHROPIC_ERRORS = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    504: "timeout_error",
    529: "overloaded_error",
}


def vertex(given: Object, outcome: Outcome, row: int) -> Written:
    """Vertex AI repeats the row, with `status`, empty when all is well, and `response`."""
    del row
    answered = outcome.answered
    return {**given, "status": "" if answered else outcome.message, "response": _body(outcome) if answered else _EMPTY}


def instance(given: Object, outcome: Outcome, row: int) -> Written:
    """Of embeddings, Vertex AI gives the instance and its predictions."""
    del row
    found = _PREDICTIONS.decode(outcome.body) if outcome.answered else {}
    status = "" if outcome.answered else outcome.message
    return {"instance": given, "predictions": found.get("predictions", []), "status": status}


def openai(given: Object, outcome: Outcome, row: int) -> Written:
    """OpenAI gives every HTTP answer as `response`, whatever its status; `error` is for where there was none."""
    response = error = None
    if outcome.body and outcome.status is not None:
        request_id = f"row-{row}"
        response = {"status_code": outcome.status, "request_id": request_id, "body": _body(outcome)}
    else:
        error = {"code": outcome.state, "message": outcome.message}
    return {"id": f"batch_req_{row}", "custom_id": given["custom_id"], "response": response, "error": error}


def anthropic(given: Object, outcome: Outcome, row: int) -> Written:
    """Anthropic gives a `result`: `succeeded` with the message, or `errored`."""
    del row
    if outcome.answered:
        result: Written = {"type": "succeeded", "message": _body(outcome)}
    else:
        fallback = "invalid_request_error" if outcome.state == "rejected" else "api_error"
        kind = _ANTHROPIC_ERRORS.get(outcome.status or 0, fallback)
        error = {"type": "error", "error": {"type": kind, "message": outcome.message}}
        result = {"type": "errored", "error": error}
    return {"custom_id": given["custom_id"], "result": result}


def prompt(given: Object, outcome: Outcome, row: int) -> Written:
    """A prompt's row is repeated, with `error`, null when all is well, and `response`."""
    del row
    return {**given, "error": None if outcome.answered else outcome.message, "response": _body(outcome)}


def unread(line: bytes, outcome: Outcome) -> Written:
    """What stands for a line of no known form."""
    return {"line": line.decode("utf-8", "replace"), "error": {"message": outcome.message}}


def _body(outcome: Outcome) -> msgspec.Raw:
    return msgspec.Raw(outcome.body) if outcome.body else _EMPTY
