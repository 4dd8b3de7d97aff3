"""One logical HTTP request on its way: what is sent for each attempt, what is made of each answer.

All that sync and async have in common; the transport adds only the sending, reading and waiting.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from router.auth import GoogleAuth
from router.core import Call
from router.deadline import Deadline
from router.errors import Exhausted, NoCapacity, StreamBroken
from router.relay import Relay, is_event_stream
from router.signals import OK, STREAM_CUT, Action, Scope, Signal, classify, classify_exception
from router.stack import Stack, headers_of
from router.trace import Attempt, Trace
from router.used import tokens_used, tokens_used_in_stream
from router.wire import traffic_in

TRACE_HEADER = "x-vertex-router"
"""The response header that tells the way of the request, e.g. `eu=429, europe-west1=200`."""

TRACE = "vertex_router"
"""The key of the `Trace` in a response's extensions."""

# Not true any more of a body that has been decoded and, maybe, cut into events; and no client of ours
# is to follow a redirect.
_NOT_PASSED_ON = frozenset({b"content-encoding", b"content-length", b"transfer-encoding", b"location"})
_UNTRUE = frozenset(name.decode("ascii") for name in _NOT_PASSED_ON) - {"content-length"}
# Signals after which what the request was to make has surely not been made.
_NEVER_MADE = frozenset({"connect", "busy"})
_REFUSED = frozenset({429, 503})
_EXTENSIONS = ("http_version", "reason_phrase")


class _Answer(msgspec.Struct, frozen=True):
    """What the client will get, if nothing better comes."""

    status: int
    headers: list[tuple[bytes, bytes]]
    extensions: dict[str, Any]
    body: dict[str, Any]


class Exchange:
    """The request of a client, and the answer that it will get.

    Args:
        headers: those of the request, by their names in lower case.
    """

    def __init__(
        self, call: Call, stack: Stack, request: Any, headers: Mapping[str, str], auth: GoogleAuth | None
    ) -> None:
        self.call = call
        self.core = call.core
        """By which this request is decided."""
        self.stack = stack
        self.auth = auth
        self._request = request
        self._headers = headers
        self._authorization = ""
        self._last: Any = None
        """What the client will get, if nothing better comes: an `_Answer`, a response as it was read, or an error."""
        self._limits: dict[str, float] = {}
        self._told: Mapping[str, str] = {}
        self._met_stale = False

    def signing(self, attempt: Attempt) -> tuple[str, str, float]:
        """What a credential is told to sign this attempt: where it goes (without path, for credentials that ask), the
        `authorization` that the last attempt was rejected for, if it is to be renewed, and how long that may take."""
        host = self.call.address(attempt).host
        return f"https://{host}/", self._authorization if attempt.refresh else "", attempt.timeout_s

    def outgoing(self, attempt: Attempt, credential: dict[str, str]) -> Any:
        """The request of this attempt, checked by the guard as it will be sent.

        Raises:
            GuardStop: it would leave the policy.
        """
        self._authorization = credential.get("authorization", "")
        address = self.call.address(attempt)
        url = self.stack.url(address.host, address.raw_path)
        headers = {**self.call.headers(attempt), **credential}
        body, self._limits = self.call.body_of(attempt), self._timeout(attempt)
        request = self.stack.request(self._request, url, headers, body, self._limits, self._headers)
        sent = request.url
        self.call.check(
            attempt,
            method=request.method,
            scheme=sent.scheme,
            host=sent.host,
            port=sent.port,
            raw_path=sent.raw_path.decode("ascii"),
            headers=headers_of(request),
            body=body,
        )
        return request

    def deadline(self, attempt: Attempt) -> Deadline:
        """Starts the time of an attempt; to be asked again and again while its answer is read."""
        return Deadline(self.core.clock, attempt.timeout_s)

    def _timeout(self, attempt: Attempt) -> dict[str, float]:
        """For each phase the shortest of the client's own limit, the policy's, and what is left of the deadline."""
        policy = self.core.policy
        most = min(policy.attempt_limit_s, attempt.timeout_s)
        own = self._request.extensions.get("timeout") or {}
        return {
            "connect": min(policy.connect_limit_s, most, own.get("connect") or most),
            "read": min(most, own.get("read") or most),
            "write": min(most, own.get("write") or most),
            "pool": min(most, own.get("pool") or most),
        }

    def relay(self, attempt: Attempt, response: Any) -> Relay | None:
        """How to hand over the body of this response; None if it is to be read whole first."""
        target = self.call.target
        self._told = told = headers_of(response)
        content_type = told.get("content-type", "")
        streams = target.method == "streamGenerateContent" or is_event_stream(content_type)
        if not streams or not response.is_success:
            return None
        # The stack takes over the silence that it bears when it begins to read the body, and does not look again.
        # Until the first content the deadline holds beside it; what the caller then has is not cut short by it.
        own = self._request.extensions.get("timeout") or {}
        most = self.core.policy.attempt_limit_s
        self._limits["read"] = min(most, own.get("read") or most)
        return Relay(content_type, target.dialect, attempt.candidate.location)

    def whole(self, attempt: Attempt, response: Any) -> Signal:
        """What a response that was read whole tells."""
        self._last = response
        content: bytes = response.content
        signal = classify(response.status_code, self._told, content, attempt.candidate.location)
        if signal.action is Action.DONE:
            self.call.bought(traffic_in(content))
            return msgspec.structs.replace(signal, tokens=tokens_used(content)) if attempt.weighed else signal
        if signal.action is Action.NEXT:
            return self._if_repeatable(signal)
        if signal.action is Action.REFRESH and self.auth is None:  # the client's own token: only it can renew that
            return msgspec.structs.replace(signal, action=Action.STOP)
        return signal

    def fault(self, response: Any, relay: Relay) -> Signal:
        """What a stream tells that failed before its first content."""
        fault = relay.fault or STREAM_CUT
        self._last = None
        if fault.status is not None:  # the client gets the error event as the response that it might have been
            answer = _answer(response, content=relay.error)
            headers = [pair for pair in answer.headers if pair[0].lower() != b"content-type"]
            headers.append((b"content-type", b"application/json"))
            self._last = msgspec.structs.replace(answer, status=fault.status, headers=headers)
        return fault

    def handed_over(self, response: Any, body: Any) -> Signal:
        """A stream whose first content has come: from here on the caller has it."""
        self._last = _answer(response, stream=body)
        return OK

    def finished(self, attempt: Attempt, relay: Relay) -> None:
        """A stream has come to its end."""
        self.call.finished(traffic_in(relay.received))
        if attempt.weighed and (tokens := tokens_used_in_stream(bytes(relay.received))) is not None:
            self.call.used(tokens)

    def failed(self, error: Exception, *, kept: bool) -> Signal:
        """What an error of the stack tells.

        Args:
            kept: it came in place of an answer, on a connection that had been kept. Once, that says nothing of the
                location.

        Raises:
            Exception: the error itself, when it is not one of sending and receiving.
        """
        signal = classify_exception(error)
        if signal is None:
            raise error
        self._last = error
        if kept and signal.kind == "reset" and not self._met_stale:
            self._met_stale = True
            signal = msgspec.structs.replace(signal, kind="stale", scope=Scope.REQUEST)
        return self._if_repeatable(signal)

    def _if_repeatable(self, signal: Signal) -> Signal:
        """The signal; one to stop by where sending again could make something twice."""
        if self.call.target.repeatable or signal.kind in _NEVER_MADE or signal.status in _REFUSED:
            return signal
        return msgspec.structs.replace(signal, action=Action.STOP)

    def broken(self, attempt: Attempt, relay: Relay, error: Exception | None = None) -> Exception:
        """The error for a caller whose stream broke after its first content.

        Args:
            error: what broke it, if it was not an error event or a missing end.
        """
        fault = classify_exception(error) if error else relay.fault
        if fault is None:
            return error or AssertionError("the stream is not broken")
        self.call.broke(attempt, fault)
        received = bytes(relay.received)
        return self.stack.error(StreamBroken, "RemoteProtocolError", self.call.trace, received, relay.dialect)

    def response(self) -> Any:
        """What the client gets at the end: the answer, the last refusal, or an error.

        Raises:
            Exhausted: no attempt was answered; it is also an error of the client's own stack.
        """
        trace, response = self.call.trace, self._last
        if response is None or isinstance(response, Exception):
            kind = Exhausted if trace.eta_s is None else NoCapacity
            raise self.stack.error(kind, self._native(response), trace) from response
        if isinstance(response, _Answer):
            response = self.stack.response(response.status, response.headers, response.extensions, **response.body)
        else:
            _as_read(response, self._told, self.stack)
        response.headers[TRACE_HEADER] = trace.header()
        if trace.outcome != "answered":
            # One owner of retries: clients that heed this header stop at once.
            response.headers["x-should-retry"] = "false"
        response.extensions[TRACE] = trace
        return response

    def _native(self, error: Exception | None) -> str:
        """The error of the stack that this failure would have been without a router."""
        name = type(error).__name__
        if hasattr(self.stack.module, name):
            return name
        return "ReadTimeout" if isinstance(error, TimeoutError) else "PoolTimeout"


def _answer(response: Any, **body: Any) -> _Answer:
    headers = [pair for pair in response.headers.raw if pair[0].lower() not in _NOT_PASSED_ON]
    return _Answer(response.status_code, headers, _passed_on(response.extensions), body)


def _as_read(response: Any, told: Mapping[str, str], stack: Stack) -> None:
    """Makes of a response that was read whole one that says of itself what is true now.

    Args:
        told: its headers by their names in lower case.
    """
    if not told.keys().isdisjoint(_UNTRUE):
        kept = [pair for pair in response.headers.raw if pair[0].lower() not in _NOT_PASSED_ON]
        length = str(len(response.content)).encode("ascii")
        response.headers = stack.module.Headers([*kept, (b"content-length", length)])
    response.stream, response.next_request = stack.module.ByteStream(response.content), None
    response.extensions = _passed_on(response.extensions)


def _passed_on(extensions: Mapping[str, Any]) -> dict[str, Any]:
    return {key: extensions[key] for key in _EXTENSIONS if key in extensions}


def trace_of(result: Any) -> Trace | None:
    """The trace of a response or an error of any client, None if it has none.

    Looks into the object itself, the HTTP response that it carries, and what caused it.
    """
    seen: set[int] = set()
    while result is not None and id(result) not in seen:
        seen.add(id(result))
        for each in (result, getattr(result, "response", None), getattr(result, "http_response", None)):
            found = getattr(each, "trace", None) or (getattr(each, "extensions", None) or {}).get(TRACE)
            if isinstance(found, Trace):
                return found
        result = getattr(result, "__cause__", None)
    return None
