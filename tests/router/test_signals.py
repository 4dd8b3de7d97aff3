"""What came back, classified; the vectors are in `tests/vectors/errors.toml`.

Every rule of the table has a vector. What a signal leads to stands elsewhere: that a credential is
renewed once, that a time-out is repeated only where the policy and the time left allow it, and that a
cancelled request counts against no one, with the failover machine; how long something is cooled and
what is learnt, with health; that what was received of a broken stream is kept, with the relay; that
polling an operation never moves, with the target. An answer that a filter has blocked is a success.
"""

from __future__ import annotations

import ssl
from types import ModuleType
from typing import Any

import pytest

from router.signals import OK, RULES, Action, Scope, Signal, classify, classify_event, classify_exception, never_opened
from router.wire import parse_error
from tests.router.support import STACKS, each, each_stack, vectors
from tests.router.test_wire import content

RESPONSES = vectors("errors.toml", "response")
EVENTS = vectors("errors.toml", "event")
JSON = {"content-type": "application/json; charset=UTF-8"}

CALLERS_FAULTS = [status for status in range(400, 500) if status not in (408, 429)]


def signal_of(vector: dict[str, Any], body: bytes) -> Signal:
    return classify(vector["status"], vector.get("headers", JSON), body, vector["called"])


def told(signal: Signal) -> dict[str, Any]:
    """A signal as the vectors write it; its message and label have tests of their own."""
    return {
        "kind": signal.kind,
        "action": str(signal.action),
        "scope": str(signal.scope),
        "status": signal.status,
        "retry_after_s": signal.retry_after_s,
        "not_served": signal.not_served,
        "quota": signal.quota,
    }


def expected(vector: dict[str, Any]) -> dict[str, Any]:
    nothing = {"status": vector.get("status"), "retry_after_s": None, "not_served": False, "quota": ""}
    return {**nothing, **vector["signal"]}


def google(status: int, name: str, message: str) -> bytes:
    return f'{{"error":{{"code":{status},"message":"{message}","status":"{name}"}}}}'.encode()


# Responses


@each(RESPONSES)
def test_a_response_is_taken_for_what_it_is(vector: dict[str, Any]) -> None:
    assert told(signal_of(vector, content(vector))) == expected(vector)


@each([vector for vector in RESPONSES if "list" in vector["shapes"]])
def test_a_list_of_one_is_taken_for_the_same(vector: dict[str, Any]) -> None:
    assert signal_of(vector, b"[" + content(vector) + b"]\n") == signal_of(vector, content(vector))


@each([vector for vector in RESPONSES if "event" in vector["shapes"]])
def test_inside_a_stream_it_is_taken_for_the_same_but_no_credential_is_renewed(vector: dict[str, Any]) -> None:
    error = parse_error(content(vector))
    signal = classify_event(error, vector["called"])
    action = "stop" if vector["signal"]["action"] == "refresh" else vector["signal"]["action"]
    assert told(signal) == {**expected(vector), "action": action, "status": error.status}
    assert signal.in_stream


def test_every_rule_has_a_vector() -> None:
    assert {vector["signal"]["kind"] for vector in RESPONSES} == {rule.kind for rule in RULES}


@pytest.mark.parametrize("status", [200, 201, 204, 299])
def test_a_success_is_handed_over_whatever_it_says(status: int) -> None:
    signal = classify(status, JSON, google(429, "RESOURCE_EXHAUSTED", "Resource exhausted."), "eu")
    assert (signal.kind, signal.action, signal.status) == ("ok", Action.DONE, status)
    assert not signal.throttled
    assert not signal.failed


@pytest.mark.parametrize("status", [300, 302, 399])
def test_a_redirect_is_no_success_whatever_it_says(status: int) -> None:
    """To follow it, or to hand it over as an answer, would leave the choice of the host to someone else."""
    signal = classify(status, JSON, b'{"candidates":[]}', "eu")
    assert (signal.kind, signal.action, signal.status) == ("redirect", Action.NEXT, status)


def test_an_answer_blocked_by_a_filter_is_a_success() -> None:
    """Another location is never tried to get around a filter."""
    assert classify(200, JSON, b'{"promptFeedback":{"blockReason":"SAFETY"}}', "eu") == OK


NOT_FOUND = "Publisher Model `projects/p/locations/eu/m` was not found or your project does not have access to it."
NOT_SERVABLE = "Publisher Model m is not servable in region eu."
NOT_ALLOWED = "Project p is not allowed to use Publisher Model m."
RESERVED = "Too many requests. Exceeded the Provisioned Throughput."
QUOTA = "Quota exceeded for aiplatform.googleapis.com/requests_per_base_model."
DAILY = "Quota exceeded for aiplatform.googleapis.com/requests_per_day_per_base_model."


@pytest.mark.parametrize(
    ("first", "second", "status", "text"),
    [
        ("redirect", "html", 302, "<html>"),
        ("html", "model-not-found", 404, f"<html>{NOT_FOUND}"),
        ("html", "exhausted", 429, "<html>"),
        ("html", "unavailable", 503, "<html>"),
        ("host-mismatch", "not-servable", 400, f"location ID doesn't match the endpoint. {NOT_SERVABLE}"),
        ("not-servable", "model-forbidden", 400, f"{NOT_ALLOWED} {NOT_SERVABLE}"),
        ("org-policy-location", "model-forbidden", 400, f"{NOT_ALLOWED} constraints/gcp.resourceLocations"),
        ("model-forbidden", "rejected", 400, NOT_ALLOWED),
        ("model-not-found", "not-found", 404, NOT_FOUND),
        ("perimeter", "forbidden", 403, "vpcServiceControlsUniqueIdentifier"),
        ("reservation-exceeded", "daily-limit", 429, f"{DAILY} {RESERVED}"),
        ("reservation-exceeded", "quota", 429, f"{QUOTA} {RESERVED}"),
        ("daily-limit", "quota", 429, DAILY),
        ("quota", "exhausted", 429, QUOTA),
        ("timeout", "unavailable", 504, ""),
        ("not-implemented", "unavailable", 501, ""),
        ("overloaded", "unavailable", 529, ""),
        ("cancelled", "rejected", 499, ""),
    ],
)
def test_where_two_rules_match_the_first_one_decides(first: str, second: str, status: int, text: str) -> None:
    kinds = [rule.kind for rule in RULES]
    assert kinds.index(first) < kinds.index(second)
    body = text.encode() if text.startswith("<") else google(status, "", text)
    assert classify(status, {}, body, "eu").kind == first


@pytest.mark.parametrize("status", [*range(300, 600, 4), 404, 429, 503, 529])
def test_a_page_teaches_nothing_whatever_its_status(status: int) -> None:
    page = b"<!DOCTYPE html>Publisher Model p/locations/eu/m was not found or your project does not have access"
    signal = classify(status, {"content-type": "text/html", "retry-after": "30"}, page, "eu")
    assert signal.kind == ("redirect" if status < 400 else "html")
    assert signal.scope is Scope.HOST
    assert not signal.not_served
    assert not signal.quota
    assert not signal.throttled


@pytest.mark.parametrize("body", [b"", b"{", b"rubbish", b"\xff\xfe", b"[]", b"[" * 100_000], ids=range(6))
@pytest.mark.parametrize("status", [400, 404, 429, 503])
def test_a_body_that_cannot_be_read_teaches_nothing(status: int, body: bytes) -> None:
    signal = classify(status, JSON, body, "eu")
    assert not signal.not_served
    assert not signal.quota
    assert signal.kind == {400: "rejected", 404: "not-found", 429: "exhausted", 503: "unavailable"}[status]


@pytest.mark.parametrize("status", CALLERS_FAULTS)
def test_the_callers_own_errors_count_against_no_location(status: int) -> None:
    """BerriAI/litellm#31876 and #7823: requests that were wrong in themselves closed healthy deployments."""
    signal = classify(status, JSON, google(status, "", "made up"), "eu")
    assert not signal.throttled
    assert not signal.failed
    assert signal.action is (Action.REFRESH if status == 401 else Action.STOP)


@pytest.mark.parametrize("vector", [v for v in RESPONSES if v["status"] in CALLERS_FAULTS], ids=lambda v: v["id"])
def test_no_known_4xx_counts_against_a_location_but_a_rate_limit_and_a_wrong_host(vector: dict[str, Any]) -> None:
    """BerriAI/litellm#31876 and #7823, with the bodies that are known."""
    signal = signal_of(vector, content(vector))
    assert signal.throttled == (signal.kind == "exhausted")
    assert signal.failed == (signal.kind == "html")


@pytest.mark.parametrize(
    ("kind", "throttled", "failed"),
    [
        ("exhausted", True, False),
        ("quota", True, False),
        ("overloaded", True, False),
        ("reservation-exceeded", True, False),
        ("unavailable", False, True),
        ("timeout", False, True),
        ("connect", False, True),
        ("reset", False, True),
        ("redirect", False, True),
        ("html", False, True),
        ("stream-cut", False, True),
        ("daily-limit", False, False),
        ("busy", False, False),
        ("cancelled", False, False),
        ("ok", False, False),
    ],
)
def test_busy_is_not_broken(kind: str, throttled: bool, failed: bool) -> None:
    signal = Signal(kind=kind, action=Action.NEXT)
    assert (signal.throttled, signal.failed) == (throttled, failed)


@pytest.mark.parametrize("called", ["eu", "europe-west4", "global", "us-central1"])
@pytest.mark.parametrize("named", ["eu", "europe-west4", "europe-west", "us-central1"])
def test_only_an_error_that_names_the_called_location_says_not_served(called: str, named: str) -> None:
    not_servable = google(400, "FAILED_PRECONDITION", f"Publisher Model m is not servable in region {named}.")
    not_found = google(
        404,
        "NOT_FOUND",
        f"Publisher Model `projects/p/locations/{named}/publishers/google/models/m` was not found or your project "
        "does not have access to it.",
    )
    assert classify(400, JSON, not_servable, called).not_served == (called == named)
    assert classify(404, JSON, not_found, called).not_served == (called == named)


def test_no_other_error_says_not_served_even_if_it_names_the_location() -> None:
    for status in (400, 403, 404, 429, 500):
        assert not classify(status, JSON, google(status, "", "projects/p/locations/eu/endpoints/1"), "eu").not_served


def test_a_hint_may_stand_in_the_headers_and_the_longest_holds() -> None:
    """googleapis/python-genai#1875: a hint of 53 s was ignored."""
    body = b'{"error":{"status":"RESOURCE_EXHAUSTED","details":[{"@type":"google.rpc.RetryInfo","retryDelay":"53s"}]}}'
    assert classify(429, {"retry-after": "5"}, body, "eu").retry_after_s == 53.0
    assert classify(429, {"retry-after": "60"}, body, "eu").retry_after_s == 60.0
    assert classify(503, {"retry-after": "60"}, b"", "eu").retry_after_s == 60.0


@pytest.mark.parametrize(("kind", "status"), [("overloaded_error", 529), ("rate_limit_error", 429)])
@pytest.mark.parametrize("around", [400, 429, 500, 529])
def test_the_type_of_anthropics_error_says_more_than_the_status_around_it(around: int, kind: str, status: int) -> None:
    body = f'{{"type":"error","error":{{"type":"{kind}","message":"m"}}}}'.encode()
    signal = classify(around, JSON, body, "eu")
    assert signal.kind == {529: "overloaded", 429: "exhausted"}[status]
    assert signal.status == around


def test_a_message_is_one_line_and_not_long() -> None:
    signal = classify(400, JSON, google(400, "INVALID_ARGUMENT", "one\\n\\n  two " + "x" * 1000), "eu")
    assert signal.message.startswith("one two xxx")
    assert len(signal.message) == 300
    assert signal.message.endswith("…")


def test_a_message_that_is_just_not_too_long_is_told_whole() -> None:
    text = "x" * 299 + "!"
    assert classify(400, JSON, google(400, "INVALID_ARGUMENT", text), "eu").message == text


@pytest.mark.parametrize(
    ("signal", "label"),
    [
        (OK, "200"),
        (classify(429, JSON, b"", "eu"), "429"),
        (classify(404, {"content-type": "text/html"}, b"", "eu"), "html"),
        (classify(307, {}, b"", "eu"), "redirect"),
        (classify_event(parse_error(google(429, "RESOURCE_EXHAUSTED", "")), "eu"), "429-in-stream"),
        (Signal(kind="connect", action=Action.NEXT), "connect"),
        (Signal(kind="stream-cut", action=Action.NEXT), "stream-cut"),
    ],
    ids=lambda each: each if isinstance(each, str) else "",
)
def test_a_label_is_the_shortest_honest_word(signal: Signal, label: str) -> None:
    assert signal.label == label


# Events inside a stream that began with 200


@each(EVENTS)
def test_an_error_in_a_200_is_taken_for_what_it_is(vector: dict[str, Any]) -> None:
    """googleapis/python-genai#2044 and #2604: an error inside a 200 passed for an answer."""
    signal = classify_event(parse_error(vector["data"].encode()), "eu")
    assert told(signal) == expected(vector)
    assert signal.in_stream


def test_an_error_event_that_names_no_status_is_a_fault_of_the_location() -> None:
    signal = classify_event(parse_error(b'{"error":{'), "eu")
    assert (signal.kind, signal.status) == ("unavailable", 500)


@pytest.mark.parametrize("code", [100, 200, 302])
def test_an_error_event_with_a_status_that_no_error_has_is_never_a_success(code: int) -> None:
    """A proxy that repeats the status of the stream in its error; whatever it means, the answer is not whole."""
    signal = classify_event(parse_error(f'{{"error":{{"code":{code},"message":"made up"}}}}'.encode()), "eu")
    assert (signal.kind, signal.action) == (("redirect", Action.NEXT) if code == 302 else ("rejected", Action.STOP))


# Exceptions

SENDING = {
    "ConnectError": ("connect", Scope.HOST),
    "ConnectTimeout": ("connect", Scope.HOST),
    "ProxyError": ("connect", Scope.HOST),
    "ReadTimeout": ("timeout", Scope.POOL),
    "WriteTimeout": ("timeout", Scope.POOL),
    "PoolTimeout": ("busy", Scope.REQUEST),
    "ReadError": ("reset", Scope.HOST),
    "WriteError": ("reset", Scope.HOST),
    "CloseError": ("reset", Scope.HOST),
    "RemoteProtocolError": ("reset", Scope.HOST),
    "DecodingError": ("reset", Scope.HOST),
}

# Mistakes in the use of a stack: the same at every location, and to be heard of.
MISUSE = {
    "CookieConflict",
    "HTTPStatusError",
    "InvalidURL",
    "LocalProtocolError",
    "RequestNotRead",
    "ResponseNotRead",
    "SSEError",
    "StreamClosed",
    "StreamConsumed",
    "TooManyRedirects",
    "UnsupportedProtocol",
}

# Never raised themselves.
BASES = {
    "HTTPError",
    "NetworkError",
    "ProtocolError",
    "RequestError",
    "StreamError",
    "TimeoutException",
    "TransportError",
}


def made(module: ModuleType, name: str, message: str = "made up") -> Exception:
    """An exception of a stack, without caring how each is made."""
    kind = getattr(module, name)
    error: Exception = kind.__new__(kind)
    error.args = (message,)
    return error


@each_stack
def test_every_exception_of_a_stack_is_judged(module: ModuleType) -> None:
    kinds = {
        name
        for name, each in vars(module).items()
        if isinstance(each, type) and issubclass(each, Exception) and not issubclass(each, Warning)
    }
    assert kinds - {*SENDING, *MISUSE, *BASES} == set()
    assert kinds >= {*SENDING, *BASES}


@each_stack
@pytest.mark.parametrize("name", SENDING)
def test_a_fault_of_sending_or_receiving_is_a_signal(module: ModuleType, name: str) -> None:
    signal = classify_exception(made(module, name))
    assert signal == Signal(kind=SENDING[name][0], action=Action.NEXT, scope=SENDING[name][1], message="made up")


@pytest.mark.parametrize(
    ("module", "name"), [(module, name) for module in STACKS for name in sorted(MISUSE) if hasattr(module, name)]
)
def test_misuse_is_no_signal(module: ModuleType, name: str) -> None:
    assert classify_exception(made(module, name)) is None


@each_stack
def test_an_exception_derived_from_a_stacks_own_is_judged_as_that(module: ModuleType) -> None:
    class Own(module.ReadTimeout):  # type: ignore[name-defined,misc]
        pass

    signal = classify_exception(Own("made up"))
    assert signal is not None
    assert signal.kind == "timeout"


def test_it_does_not_matter_in_which_module_of_a_stack_an_exception_is_made() -> None:
    """Releases differ in whether their exceptions name the package or the module behind it."""
    inner = type("ConnectError", (Exception,), {"__module__": "httpcore._exceptions"})
    foreign = type("ConnectError", (Exception,), {"__module__": "redis.httpcore"})
    signal = classify_exception(inner("made up"))
    assert signal is not None
    assert signal.kind == "connect"
    assert classify_exception(foreign("made up")) is None, "another package's error of the same name"


def test_the_builtin_time_out_is_one() -> None:
    """It is what the deadline of this package raises."""
    signal = classify_exception(TimeoutError())
    assert signal == Signal(kind="timeout", action=Action.NEXT, scope=Scope.POOL, message="TimeoutError")


@pytest.mark.parametrize(
    "error",
    [
        KeyError("candidates"),
        ValueError("made up"),
        RuntimeError("Event loop is closed"),
        OSError("made up"),
        ConnectionResetError("made up"),
        ssl.SSLError("made up"),
        UnicodeDecodeError("utf-8", b"\xff", 0, 1, "made up"),
        AssertionError(),
    ],
    ids=lambda error: type(error).__name__,
)
def test_any_other_exception_is_no_signal(error: Exception) -> None:
    assert classify_exception(error) is None


@each_stack
def test_the_message_of_an_exception_is_one_line_and_never_empty(module: ModuleType) -> None:
    told, silent = classify_exception(module.ReadError("one\n two")), classify_exception(module.ReadError(""))
    assert told is not None
    assert told.message == "one two"
    assert silent is not None
    assert silent.message == "ReadError"


@each_stack
@pytest.mark.parametrize(("name", "whether"), [("ConnectError", True), ("ProxyError", True), ("ReadError", False)])
def test_a_connection_that_failed_never_opened(module: ModuleType, name: str, whether: bool) -> None:
    assert never_opened(made(module, name)) is whether


def test_of_a_cancelled_request_the_connection_may_not_have_opened() -> None:
    assert never_opened(KeyboardInterrupt())
    assert not never_opened(ValueError())
