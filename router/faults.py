"""What an exception of any client tells: read by its attributes, so that no client's package is imported.

Sources: the exceptions of anthropic, openai, google-genai, google-api-core, grpc, httpx, httpx2, requests,
aiohttp and litellm, as their packages define them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from router.signals import Action, Scope, Signal, classify, classify_event
from router.wire import GOOGLE_STATUS, parse_error

_NO_HEADERS: Mapping[str, str] = {}


def signal_of(error: Exception, location: str) -> Signal | None:
    """The signal of an exception; None for one that no client raises for what a location did.

    Looks at the exception and what caused it, outermost first: for an HTTP or gRPC status, and only
    where there is none for the name of its class.

    Args:
        location: where the request went; only an error that names it tells that it does not serve.
    """
    chain = list(_chain(error))
    for each in chain:
        status = _status(each)
        if status is not None:
            return _classified(each, status, location)
    return next((signal for each in chain if (signal := _by_name(each))), None)


def _classified(error: BaseException, status: int, location: str) -> Signal:
    headers, body = _headers(error), _body(error)
    if status < 300:  # the error stood in a stream that began well
        return classify_event(parse_error(body), location)
    signal = classify(status, headers, body, location)
    if signal.action is Action.REFRESH:  # the client's own token: only the client can renew it
        return msgspec.structs.replace(signal, action=Action.STOP)
    return signal


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    found: BaseException | None = error
    while found is not None and id(found) not in seen:
        seen.add(id(found))
        yield found
        found = found.__cause__


def _status(error: BaseException) -> int | None:
    """The HTTP status that an exception stands for."""
    for holder in (error, getattr(error, "response", None)):
        for name in ("status_code", "code", "grpc_status_code", "status"):
            found = _number(getattr(holder, name, None))
            if found is not None:
                return found
    return None


def _number(value: Any) -> int | None:
    """A status as an HTTP status, whether it is a number, a text, or one of gRPC's."""
    if callable(value):  # grpc's errors have methods where others have attributes
        try:
            value = value()
        except TypeError:
            return None
    name = value if isinstance(value, str) else getattr(value, "name", "")
    if name in GOOGLE_STATUS:
        return GOOGLE_STATUS[name]
    try:
        number = int(value)
    except (TypeError, ValueError):
        return None
    return number if 100 <= number <= 599 else None


def _headers(error: BaseException) -> Mapping[str, str]:
    for holder in (getattr(error, "response", None), error):
        found = getattr(holder, "headers", None)
        if isinstance(found, Mapping):
            return {str(name).lower(): str(value) for name, value in found.items()}
    return _NO_HEADERS


def _body(error: BaseException) -> bytes:
    """The error body as it came, or made anew from what the client has left of it."""
    try:
        content = getattr(getattr(error, "response", None), "content", b"")
    except Exception:  # a response whose body was never read says so in its stack's own way
        content = b""
    if isinstance(content, bytes) and content:
        return content
    for name in ("body", "details"):
        found = getattr(error, name, None)
        if isinstance(found, dict) and found:
            return _encoded(found if "error" in found else {"error": found})
        if isinstance(found, list) and len(found) == 1 and isinstance(found[0], dict) and "error" in found[0]:
            return _encoded(found)
    message = str(getattr(error, "message", None) or error)
    return _encoded({"error": {"message": message, "details": list(_retry_infos(error))}})


def _encoded(data: Any) -> bytes:
    return msgspec.json.encode(data, enc_hook=str)


def _retry_infos(error: BaseException) -> Iterator[dict[str, str]]:
    """Hints when to come back, which gRPC clients keep as messages."""
    details = getattr(error, "details", None)
    for detail in details if isinstance(details, (list, tuple)) else ():
        delay = getattr(detail, "retry_delay", None)
        if delay is None:
            continue
        seconds = delay.total_seconds() if hasattr(delay, "total_seconds") else delay.seconds + delay.nanos / 1e9
        yield {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": f"{seconds}s"}


_TOKENS = frozenset({"RefreshError", "DefaultCredentialsError", "GoogleAuthError"})
_NAMES: tuple[tuple[str, Scope, frozenset[str]], ...] = (
    (
        "connect",
        Scope.HOST,
        frozenset({"ConnectError", "ConnectTimeout", "ProxyError", "ClientConnectorError", "ConnectionRefusedError"}),
    ),
    (
        "timeout",
        Scope.POOL,
        frozenset({"ReadTimeout", "WriteTimeout", "Timeout", "TimeoutError", "APITimeoutError", "ServerTimeoutError"}),
    ),
    (
        "reset",
        Scope.HOST,
        frozenset({"ReadError", "WriteError", "CloseError", "RemoteProtocolError", "DecodingError"})
        | frozenset({"ChunkedEncodingError", "ClientPayloadError", "ServerDisconnectedError", "ConnectionResetError"})
        | frozenset({"IncompleteRead", "ProtocolError", "BrokenPipeError"}),
    ),
    ("connect", Scope.HOST, frozenset({"ConnectionError", "APIConnectionError", "ClientConnectionError"})),
)


def _by_name(error: BaseException) -> Signal | None:
    names = {each.__name__ for each in type(error).__mro__}
    message = " ".join(str(error).split()) or type(error).__name__
    if names & _TOKENS:
        return Signal(kind="unauthenticated", action=Action.STOP, scope=Scope.CREDENTIAL, message=message)
    for kind, scope, wanted in _NAMES:
        if names & wanted:
            return Signal(kind=kind, action=Action.NEXT, scope=scope, message=message)
    return None
