"""The routed transport: what a client of httpx or httpx2, sync or async, sends its requests through.

One class for both stacks and both colours. It inherits from neither stack: neither checks, and some
SDKs refuse a class that descends from the other one. The two halves differ by `await` alone; all that
they decide is in `exchange`, `relay` and the failover machine.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any, NoReturn, Self

from router.auth import auth_of
from router.clients import Clients, Lease
from router.core import Core
from router.drive import adrive, drive
from router.errors import RequestNotUnderstood
from router.exchange import Exchange
from router.relay import Relay
from router.signals import Signal
from router.stack import Stack, stack_of
from router.trace import Attempt

_UNROUTED = {"stream": True, "auth": None, "follow_redirects": False}


class RoutedTransport:
    """Sends each request where the policy allows, and fails over inside it.

    Give it to any number of clients. `close()` and `aclose()` wait for requests under way and leave
    the object usable.
    """

    def __init__(self, core: Core, options: dict[str, Any]) -> None:
        self._core = core
        self._clients = Clients(options)

    def handle_request(self, request: Any) -> Any:
        """Sends a request of a sync client.

        Raises:
            NotSent: the policy refuses the request.
            Exhausted: no attempt was answered.
        """
        stack = stack_of(request)
        exchange = self._exchange(stack, request)
        if exchange is None:
            return self._send_unrouted(stack, request)
        drive(exchange.call.steps(), lambda attempt: self._send(exchange, attempt), self._core.sleep)
        return exchange.response()

    async def handle_async_request(self, request: Any) -> Any:
        """Sends a request of an async client.

        Raises:
            NotSent: the policy refuses the request.
            Exhausted: no attempt was answered.
        """
        stack = stack_of(request)
        exchange = self._exchange(stack, request)
        if exchange is None:
            return await self._asend_unrouted(stack, request)
        await adrive(exchange.call.steps(), lambda attempt: self._asend(exchange, attempt), self._core.async_sleep)
        return exchange.response()

    def check(self, request: Any) -> None:
        """Whether this request would be sent at all; sends nothing.

        Raises:
            NotSent: the policy refuses it.
        """
        self._exchange(stack_of(request), request)

    def _exchange(self, stack: Stack, request: Any) -> Exchange | None:
        """The exchange for a request; None for one that is sent on unrouted."""
        url, body = request.url, stack.body(request)
        call = self._core.admit(
            method=request.method,
            scheme=url.scheme,
            host=url.host,
            port=url.port,
            raw_path=url.raw_path.decode("ascii"),
            headers=request.headers,
            body=body,
        )
        auth = auth_of(request)
        if call is not None:
            return Exchange(call, stack, request, body, auth)
        self._core.guard.check_unrouted(url.host)
        if auth is not None:
            reason = f"the router's credential is not sent to {url.host} with a request that is not understood"
            raise RequestNotUnderstood(reason, self._core.policy.summary)
        return None

    # One attempt, sync

    def _send(self, exchange: Exchange, attempt: Attempt) -> Signal:
        until = self._core.clock() + attempt.timeout_s
        credential = exchange.auth.headers(exchange.url(attempt), attempt.refresh) if exchange.auth else {}
        request = exchange.outgoing(attempt, credential)
        open_ = _Open(self._clients, exchange.stack)
        try:
            response = open_.send(request)
            relay = exchange.relay(attempt, response)
            if relay is None:
                return exchange.whole(attempt, response, b"".join(self._timely(response.iter_bytes(), until)))
            chunks = response.iter_bytes()
            first = _first_content(relay, self._timely(chunks, until))
            if not relay.started:
                return exchange.fault(response, relay)
            body = exchange.stack.sync_body(_passing(exchange, attempt, relay, first, chunks), open_.close)
            open_.handed_over = True
            return exchange.handed_over(response, body)
        except Exception as error:
            return exchange.failed(error)
        finally:
            open_.close_unless_handed_over()

    def _timely(self, chunks: Iterator[bytes], until: float) -> Iterator[bytes]:
        for chunk in chunks:
            if self._core.clock() > until:
                raise TimeoutError("the answer took longer than the request's deadline")
            yield chunk

    def _send_unrouted(self, stack: Stack, request: Any) -> Any:
        open_ = _Open(self._clients, stack)
        try:
            response = open_.send(stack.copy(request))
        except BaseException:
            open_.close()
            raise
        body = stack.sync_body(response.iter_raw(), open_.close)
        return stack.response(response.status_code, response.headers.raw, response.extensions, stream=body)

    def close(self) -> None:
        """Closes the sync connections; later requests open new ones."""
        self._clients.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # One attempt, async

    async def _asend(self, exchange: Exchange, attempt: Attempt) -> Signal:
        from anyio import fail_after  # noqa: PLC0415 - sync programs need no event loop

        auth = exchange.auth
        credential = await auth.aheaders(exchange.url(attempt), attempt.refresh) if auth else {}
        request = exchange.outgoing(attempt, credential)
        open_ = _AsyncOpen(self._clients, exchange.stack)
        try:
            with fail_after(attempt.timeout_s):
                response = await open_.send(request)
                relay = exchange.relay(attempt, response)
                if relay is None:
                    return exchange.whole(
                        attempt, response, b"".join([chunk async for chunk in response.aiter_bytes()])
                    )
                chunks = response.aiter_bytes()
                first = await _afirst_content(relay, chunks)
            if not relay.started:
                return exchange.fault(response, relay)
            body = exchange.stack.async_body(_apassing(exchange, attempt, relay, first, chunks), open_.close)
            open_.handed_over = True
            return exchange.handed_over(response, body)
        except Exception as error:
            return exchange.failed(error)
        finally:
            await open_.close_unless_handed_over()

    async def _asend_unrouted(self, stack: Stack, request: Any) -> Any:
        open_ = _AsyncOpen(self._clients, stack)
        try:
            response = await open_.send(stack.copy(request))
        except BaseException:
            await open_.close()
            raise
        body = stack.async_body(response.aiter_raw(), open_.close)
        return stack.response(response.status_code, response.headers.raw, response.extensions, stream=body)

    async def aclose(self) -> None:
        """Closes the connections of the running event loop; later requests open new ones."""
        await self._clients.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    # Shared by whoever holds it

    def __deepcopy__(self, memo: object) -> Self:
        """Itself: SDKs copy their options deeply, and connections can't be copied."""
        return self

    def __reduce__(self) -> NoReturn:
        raise TypeError("a routed transport can't be pickled; pickle the policy and make a Router from it there")


class _Open:
    """A response under way, and the inner client that it came through."""

    def __init__(self, clients: Clients, stack: Stack) -> None:
        self._clients = clients
        self._lease: Lease | None = clients.take(stack)
        self._response: Any = None
        self.handed_over = False

    def send(self, request: Any) -> Any:
        assert self._lease is not None  # noqa: S101 - for the type checker
        self._response = self._lease.client.send(request, **_UNROUTED)
        return self._response

    def close(self) -> None:
        lease, self._lease = self._lease, None
        if lease is None:
            return
        try:
            if self._response is not None:
                self._response.close()
        finally:
            self._clients.done(lease)

    def close_unless_handed_over(self) -> None:
        if not self.handed_over:
            self.close()


class _AsyncOpen:
    """`_Open` for async."""

    def __init__(self, clients: Clients, stack: Stack) -> None:
        self._clients = clients
        self._lease: Lease | None = clients.atake(stack)
        self._response: Any = None
        self.handed_over = False

    async def send(self, request: Any) -> Any:
        assert self._lease is not None  # noqa: S101 - for the type checker
        self._response = await self._lease.client.send(request, **_UNROUTED)
        return self._response

    async def close(self) -> None:
        lease, self._lease = self._lease, None
        if lease is None:
            return
        try:
            if self._response is not None:
                await self._response.aclose()
        finally:
            await self._clients.adone(lease)

    async def close_unless_handed_over(self) -> None:
        if not self.handed_over:
            await self.close()


def _first_content(relay: Relay, chunks: Iterator[bytes]) -> bytes:
    """Reads until the first content, a fault, or the end; gives what may go to the caller."""
    for chunk in chunks:
        first = relay.feed(chunk)
        if relay.started or relay.fault:
            return first
    return relay.end()


async def _afirst_content(relay: Relay, chunks: AsyncIterator[bytes]) -> bytes:
    """`_first_content` for async."""
    async for chunk in chunks:
        first = relay.feed(chunk)
        if relay.started or relay.fault:
            return first
    return relay.end()


def _passing(
    exchange: Exchange, attempt: Attempt, relay: Relay, first: bytes, chunks: Iterator[bytes]
) -> Iterator[bytes]:
    """What the caller reads: the first content and what follows, or a `StreamBroken` where it breaks."""
    yield first
    try:
        while relay.fault is None and (chunk := next(chunks, None)) is not None:
            yield relay.feed(chunk)
        if relay.fault is None:
            yield relay.end()
    except Exception as error:
        raise exchange.broken(attempt, relay, error) from error
    if relay.fault is not None:
        raise exchange.broken(attempt, relay)


async def _apassing(
    exchange: Exchange, attempt: Attempt, relay: Relay, first: bytes, chunks: AsyncIterator[bytes]
) -> AsyncIterator[bytes]:
    """`_passing` for async."""
    yield first
    try:
        while relay.fault is None and (chunk := await anext(chunks, None)) is not None:
            yield relay.feed(chunk)
        if relay.fault is None:
            yield relay.end()
    except Exception as error:
        raise exchange.broken(attempt, relay, error) from error
    if relay.fault is not None:
        raise exchange.broken(attempt, relay)
