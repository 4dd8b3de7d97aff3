"""One HTTP stack, httpx or httpx2, spoken to in its own types.

The two are forks with the same interface and unrelated classes: an object of one is refused by the
other. So no class here inherits from either; what must be of a stack's own type (a stream, an error)
is made for that stack when a request of it comes. No stack is imported before that.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import logging
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from types import ModuleType
from typing import Any

from router.errors import RouterError
from router.redaction import redacted
from router.wire import ROUTER_HEADERS

NAMES = ("httpx2", "httpx")
_CACHED_URLS = 4096
_CACHED_NAMES = 256
_SAID_AGAIN = "x-goog-request-params"
"""In which Google's own clients repeat what their path says; the path may be another now."""


class Stack:
    """The types of one stack."""

    def __init__(self, module: ModuleType) -> None:
        self.module: Any = module
        self._logger = logging.getLogger(module.__name__)
        # Making a URL object costs more than the whole decision, and the same few come again.
        self.url = functools.lru_cache(_CACHED_URLS)(self._url)

    def _url(self, host: str, raw_path: str) -> Any:
        return self._quiet(self.module.URL(scheme="https", host=host, raw_path=raw_path.encode("ascii")))

    def _quiet(self, url: Any) -> Any:
        """The address, which shows no credential when it is printed: HTTP clients log whole addresses."""
        tells = b"key=" in url.query or b"token=" in url.query or url.userinfo
        return _quiet_url(self.module.URL)(url) if tells else url

    @property
    def logs(self) -> bool:
        """Whether its clients write a line for each request that they send."""
        return self._logger.isEnabledFor(logging.INFO)

    def body(self, request: Any) -> bytes | None:
        """The body of a request; None when it can be read only once, which is left to the sending."""
        try:
            content: bytes = request.content
        except self.module.RequestNotRead:
            return None
        return content

    def copy(self, request: Any) -> Any:
        """The request as it is, for another client to send."""
        copy = self.module.Request(
            request.method,
            request.url,
            headers=[(name, value) for name, value in request.headers.raw if not _ours(name)],
            stream=request.stream,
            extensions=request.extensions,
        )
        copy.url = self._quiet(copy.url)
        return copy

    def request(
        self,
        like: Any,
        url: Any,
        headers: Mapping[str, str],
        body: bytes | None,
        timeout_s: Any,
        own: Mapping[str, str] | None = None,
    ) -> Any:
        """A copy of a request for another address.

        Args:
            like: the request as the client made it.
            headers: what to set besides its own; `Host` follows the address, and what repeats the old one goes.
            body: its content; None sends its own stream, which can be read once.
            timeout_s: seconds for connecting, writing, reading and a free connection.
            own: its headers by their names in lower case, where they are at hand.
        """
        own = headers_of(like) if own is None else own
        stream = like.stream if body is None else self.module.ByteStream(body)
        extensions = {**like.extensions, "timeout": timeout_s}
        # `stream=` and not `content=`, which would find out anew what is known.
        made = self.module.Request(like.method, url, headers=like.headers, stream=stream)
        made.extensions = extensions
        if len(own) < len(like.headers) or not _usual(own, body):
            made.headers = self.module.Headers([(b"Host", url.netloc), *_rest(like.headers.raw, headers, body)])
        elif own["host"] != url.host or url.port is not None:
            made.headers["Host"] = url.netloc.decode("ascii")
        for name, value in headers.items():
            made.headers[name] = value
        if body is not None:
            made.read()
        if type(url) is not self.module.URL:
            made.url = url
        return made

    def error(self, kind: type[RouterError], native: str, *args: Any) -> RouterError:
        """An error of this package that is also the stack's own `native` error, so that either name catches it."""
        made: RouterError = _mixed(kind, getattr(self.module, native))(*args)
        return made

    def response(
        self, status: int, headers: Sequence[tuple[bytes, bytes]], extensions: dict[str, Any], **body: Any
    ) -> Any:
        """A response of this stack; `body` is `content=` or `stream=`."""
        return self.module.Response(status, headers=list(headers), extensions=extensions, **body)

    def sync_body(self, chunks: Iterator[bytes], close: Callable[[], None]) -> Any:
        """A stream for a sync client."""
        return self._sync_body(chunks, close)

    def async_body(self, chunks: AsyncGenerator[bytes, None], close: Callable[[], Awaitable[None]]) -> Any:
        """A stream for an async client."""
        return self._async_body(chunks, close)

    @functools.cached_property
    def _sync_body(self) -> Any:
        return _body(self.module.SyncByteStream, _SyncBody)

    @functools.cached_property
    def _async_body(self) -> Any:
        return _body(self.module.AsyncByteStream, _AsyncBody)


class _Names(dict[bytes, str]):
    """The names of headers as they are looked up, by how they were written: the same few come again and again."""

    def __missing__(self, written: bytes) -> str:
        if len(self) >= _CACHED_NAMES:
            self.clear()
        return self.setdefault(written, written.decode().lower())


_NAMES = _Names()


def headers_of(request: Any) -> dict[str, str]:
    """Headers of a request or response by their names in lower case, as its stack reads them, in half the time."""
    raw = request.headers.raw
    try:
        found = {_NAMES[name]: value.decode() for name, value in raw}
    except UnicodeDecodeError:
        return dict(request.headers.items())
    return found if len(found) == len(raw) else dict(request.headers.items())


def _usual(own: Mapping[str, str], body: bytes | None) -> bool:
    """Whether all headers of a request may travel, as they nearly always may, in the order in which they are."""
    sized = body is None or (own.get("content-length") == str(len(body)) and "transfer-encoding" not in own)
    return sized and _may_travel(tuple(own))


@functools.lru_cache(_CACHED_NAMES)
def _may_travel(names: tuple[str, ...]) -> bool:
    """Whether these headers may, in this order; a client's requests have the same ones again and again."""
    return (
        names[:1] == ("host",)
        and _SAID_AGAIN not in names
        and not [name for name in names if name.startswith(ROUTER_HEADERS)]
    )


def _rest(
    headers: list[tuple[bytes, bytes]], instead: Mapping[str, str], body: bytes | None
) -> list[tuple[bytes, bytes]]:
    """The headers that travel, besides `Host` and those that are set instead."""
    drop = {name.lower().encode("ascii") for name in ("host", _SAID_AGAIN, *instead)}
    added = []
    if body is not None:
        drop |= {b"content-length", b"transfer-encoding"}  # set anew for a body that is known whole
        if body or any(name.lower() == b"content-length" for name, _ in headers):
            added = [(b"Content-Length", str(len(body)).encode("ascii"))]
    kept = [(name, value) for name, value in headers if name.lower() not in drop and not _ours(name)]
    return [*kept, *added]


_OURS = ROUTER_HEADERS.encode()


def _ours(name: bytes) -> bool:
    """Whether a header is between caller and router, and goes no further."""
    return name.lower().startswith(_OURS)


class _SyncBody:
    def __init__(self, chunks: Iterator[bytes], close: Callable[[], None]) -> None:
        self._chunks = chunks
        self._close = close

    def __iter__(self) -> Iterator[bytes]:
        return self._chunks

    def close(self) -> None:
        self._close()


class _AsyncBody:
    def __init__(self, chunks: AsyncGenerator[bytes, None], close: Callable[[], Awaitable[None]]) -> None:
        self._chunks = chunks
        self._close = close

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._chunks

    async def aclose(self) -> None:
        try:
            # A generator left before its end is closed here, not whenever it is collected.
            with contextlib.suppress(RuntimeError):  # it is being read right now, and will end by itself
                await self._chunks.aclose()
        finally:
            await self._close()


@functools.cache
def _body(native: type[Any], kind: type[Any]) -> type[Any]:
    return type(kind.__name__, (kind, native), {})


@functools.cache
def _quiet_url(native: Any) -> type[Any]:
    """A stack's address that is what it is, but shows no credential."""

    def shown(url: Any) -> str:
        return redacted(native.__str__(url))

    return type("URL", (native,), {"__str__": shown, "__repr__": lambda url: f"URL({shown(url)!r})"})


_MIXED: dict[tuple[Any, Any], type[Any]] = {}


def _mixed(kind: type[RouterError], native: type[Exception]) -> type[Any]:
    """The one class that is both; made once, so that `type(error)` is comparable."""
    if (kind, native) not in _MIXED:
        members = {"__module__": kind.__module__, "__reduce__": _as_base}
        _MIXED[kind, native] = type(kind.__name__, (kind, native), members)
    return _MIXED[kind, native]


def _as_base(error: Exception) -> tuple[type[Any], tuple[Any, ...]]:
    """A class made on the fly can't be pickled by name; the error travels as its base."""
    return type(error).__mro__[1], error.args


@functools.cache
def _stack(name: str) -> Stack:
    return Stack(sys.modules[name])


def stack_of(request: Any) -> Stack:
    """The stack that a request object belongs to, also when a client has subclassed it.

    Raises:
        TypeError: it is of neither stack.
    """
    for kind in type(request).__mro__:
        name = kind.__module__.partition(".")[0]
        if name in NAMES:
            return _stack(name)
    raise TypeError(f"expected a request of httpx or httpx2, got {type(request)!r}")


def installed() -> Any:
    """The module of a stack for this package's own requests: one that the program uses, or one that is there."""
    for name in NAMES:
        if name in sys.modules:
            return sys.modules[name]
    try:
        return importlib.import_module(NAMES[0])
    except ModuleNotFoundError:
        return importlib.import_module(NAMES[1])
