"""What a session of `requests` sends its requests through: an adapter, to be mounted for `https://`.

A session hands a prepared request to the adapter that is mounted for its address. This one shows it to a
routed transport in the words of httpx; what the transport sends for it, once or several times, leaves
through an adapter of requests' own with the session's certificates, proxies and time limits. So a session is
decided, guarded and relayed by the very code that serves every other client, and gets requests' own
responses and errors.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple, NoReturn

from router.errors import Exhausted, RouterError, StreamBroken
from router.exchange import TRACE
from router.scope import Scopes
from router.stack import Stack, installed, stack_of
from router.transport import RoutedTransport

_GIVEN = "vertex_router_requests"
_PIECE = 64 * 1024
# A body that has been decoded already, of a length that is no longer known.
_UNDONE = frozenset({"content-encoding", "content-length", "transfer-encoding"})


class _Given(NamedTuple):
    """What the session gave with a request, for each sending of it."""

    request: Any
    verify: Any
    cert: Any
    proxies: Any


class RoutedAdapter:
    """Sends each request of a session where the policy allows, and fails over inside it.

    Give it to any number of sessions. `close()` waits for requests under way and leaves the object usable.

    Args:
        options: of the `requests.adapters.HTTPAdapter` that it sends with: `pool_connections`,
            `pool_maxsize`, `pool_block`.

    Raises:
        TypeError: an option would have requests sent again behind the router's back.
    """

    def __init__(self, scopes: Scopes, options: dict[str, Any]) -> None:
        if options.get("max_retries"):
            raise TypeError("`max_retries` would repeat each attempt of the router; leave it out")
        self._transport = RoutedTransport(scopes, {"transport": _Outward(options)})

    @property
    def scopes(self) -> Scopes:
        """Of the router that it belongs to."""
        return self._transport.scopes

    def send(
        self,
        request: Any,
        stream: bool = False,  # noqa: ARG002 - a session reads the answer itself, when it wants it whole
        timeout: Any = None,
        verify: Any = True,
        cert: Any = None,
        proxies: Any = None,
    ) -> Any:
        """Sends a prepared request; called by the session.

        Raises:
            NotSent: the policy refuses the request.
            Exhausted: no attempt was answered; it is also an error of requests.
        """
        module = installed()
        asked = module.Request(
            request.method,
            request.url,
            headers=[(_text(name), _text(value)) for name, value in request.headers.items()],
            content=request.body,
            extensions={"timeout": _limits(timeout), _GIVEN: _Given(request, verify, cert, proxies)},
        )
        try:
            answer = self._transport.handle_request(asked)
        except (Exhausted, StreamBroken) as error:
            raise _native(error) from error.__cause__
        return self._response(request, asked, answer)

    def close(self) -> None:
        """Closes the connections; later requests open new ones."""
        self._transport.close()

    def __reduce__(self) -> NoReturn:
        raise TypeError("a routed adapter can't be pickled; pickle the policy and make a Router from it there")

    def _response(self, request: Any, asked: Any, answer: Any) -> Any:
        from requests import Response  # noqa: PLC0415 - the caller has brought it
        from requests.structures import CaseInsensitiveDict  # noqa: PLC0415
        from requests.utils import get_encoding_from_headers  # noqa: PLC0415

        response: Any = Response()
        response.status_code = answer.status_code
        response.reason = answer.reason_phrase
        response.headers = CaseInsensitiveDict(answer.headers)
        response.encoding = get_encoding_from_headers(response.headers)
        response.raw = _Raw(answer)
        response.url, response.request, response.connection = str(asked.url), request, self
        response.extensions = {TRACE: answer.extensions[TRACE]} if TRACE in answer.extensions else {}
        return response


class _Raw:
    """The body of a response, as requests reads it."""

    def __init__(self, answer: Any) -> None:
        self._answer = answer
        self._chunks = self._read()
        self._left = b""

    def stream(self, amount: int | None = _PIECE, decode_content: bool = True) -> Iterator[bytes]:  # noqa: ARG002 - it is decoded
        """The body in pieces of at most `amount` bytes, each as soon as it has come."""
        for chunk in self._chunks:
            step = amount or len(chunk) or 1
            for begin in range(0, len(chunk), step):
                yield chunk[begin : begin + step]

    def read(self, amount: int | None = None, decode_content: bool = True) -> bytes:  # noqa: ARG002 - it is decoded
        """The next `amount` bytes, fewer at the end; without it, all."""
        while (amount is None or len(self._left) < amount) and (chunk := next(self._chunks, None)) is not None:
            self._left += chunk
        given, self._left = (self._left, b"") if amount is None else (self._left[:amount], self._left[amount:])
        return given

    def close(self) -> None:
        self._answer.close()

    def release_conn(self) -> None:
        self._answer.close()

    def _read(self) -> Iterator[bytes]:
        try:
            yield from self._answer.stream
        except StreamBroken as error:
            raise _native(error) from error.__cause__
        finally:
            self._answer.close()


class _Outward:
    """A transport of httpx or httpx2 whose requests leave through an adapter of requests."""

    def __init__(self, options: dict[str, Any]) -> None:
        from requests.adapters import HTTPAdapter  # noqa: PLC0415 - the caller has brought it

        self._plain = HTTPAdapter(**options)

    def handle_request(self, request: Any) -> Any:
        stack = stack_of(request)
        given: _Given = request.extensions[_GIVEN]
        limits = request.extensions["timeout"]
        try:
            response = self._plain.send(
                _rewritten(given.request, request),
                stream=True,
                timeout=(limits.get("connect"), limits.get("read")),
                verify=given.verify,
                cert=given.cert,
                proxies=given.proxies,
            )
        except Exception as error:
            raise _as_httpx(stack, error) from error
        raw = response.raw
        headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in raw.headers.items()]
        kept = [(name, value) for name, value in headers if name.decode("latin-1").lower() not in _UNDONE]
        body = stack.sync_body(_chunks(stack, raw), response.close)
        return stack.response(response.status_code, kept, {}, stream=body)

    def close(self) -> None:
        self._plain.close()


def _rewritten(given: Any, request: Any) -> Any:
    """The session's prepared request, with the address and headers that the transport has chosen."""
    sent = given.copy()
    sent.url = str(stack_of(request).module.URL(request.url))  # itself; as it is, it may show less than it says
    sent.headers.clear()
    sent.headers.update(request.headers.items())
    return sent


def _chunks(stack: Stack, raw: Any) -> Iterator[bytes]:
    try:
        yield from raw.stream(_PIECE, decode_content=True)
    except Exception as error:
        raise _as_httpx(stack, error) from error


def _as_httpx(stack: Stack, error: Exception) -> Exception:
    """What httpx would have raised; an error that is not one of sending and receiving stays what it is."""
    from requests import exceptions  # noqa: PLC0415 - the caller has brought it
    from urllib3 import exceptions as inner  # noqa: PLC0415 - requests stands on it

    module, cause = stack.module, error.args[0] if error.args else None
    if isinstance(error, (exceptions.ConnectTimeout, inner.ConnectTimeoutError)):
        return _raised(module.ConnectTimeout, error)
    if isinstance(error, (exceptions.Timeout, inner.TimeoutError)):
        return _raised(module.ReadTimeout, error)
    if isinstance(error, exceptions.ProxyError):
        return _raised(module.ProxyError, error)
    if isinstance(error, inner.HTTPError) or isinstance(cause, inner.ProtocolError):
        return _raised(module.RemoteProtocolError, error)
    if isinstance(error, exceptions.ConnectionError):
        return _raised(module.ConnectError, error)
    return error


def _raised(kind: type[Exception], error: Exception) -> Exception:
    return kind(str(error))


def _native(error: RouterError) -> Exception:
    """The error that is at the same time the one of requests which a caller would have got without a router."""
    from requests import exceptions  # noqa: PLC0415 - the caller has brought it

    native = Stack(exceptions)
    if isinstance(error, StreamBroken):
        return native.error(StreamBroken, "ChunkedEncodingError", *error.args)
    names = {kind.__name__ for kind in type(error).__mro__}
    wanted = next(
        (name for name in ("ConnectTimeout", "ReadTimeout", "ProxyError") if name in names), "ConnectionError"
    )
    return native.error(Exhausted, wanted, *error.args)


def _text(value: Any) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)


def _limits(timeout: Any) -> dict[str, float]:
    """A session's time limits in httpx's words; what it does not limit is left out."""
    if timeout is None:
        return {}
    if isinstance(timeout, (int, float)):
        connect, read = timeout, timeout
    elif isinstance(timeout, tuple):
        connect, read = timeout
    else:  # urllib3's own
        connect, read = timeout.connect_timeout, timeout.read_timeout
    found = {"connect": connect, "pool": connect, "read": read, "write": read}
    return {phase: limit for phase, limit in found.items() if isinstance(limit, (int, float))}
