"""`send` for async callers: the same, with `await`."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from typing import Any, Self

from router.clients import Clients, Lease
from router.deadline import Deadline
from router.exchange import Exchange
from router.loops import time_limit
from router.relay import Relay
from router.send import AS_IT_IS
from router.signals import Signal, never_opened
from router.stack import Stack
from router.trace import Attempt


class AsyncSender:
    """Sends through the inner clients of one transport."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    async def attempt(self, exchange: Exchange, attempt: Attempt) -> Signal:
        """Sends one attempt; gives what came of it. Its answer, if any, is with the exchange."""
        deadline = exchange.deadline(attempt)
        auth = exchange.auth
        credential = await auth.aheaders(*exchange.signing(attempt)) if auth else {}
        request = exchange.outgoing(attempt, credential)
        async with _Answer(self._clients, exchange.stack) as answer:
            try:
                with deadline:
                    async with time_limit(attempt.timeout_s):
                        response = await answer.open(request, deadline)
                        relay = exchange.relay(attempt, response)
                        if relay is None:
                            chunks = _in_time(response.stream, deadline)
                            response.stream = exchange.stack.async_body(chunks, response.stream.aclose)
                            await response.aread()
                            deadline.left_s()
                            return exchange.whole(attempt, response)
                        chunks = response.aiter_bytes()
                        first = await _first_content(relay, chunks, deadline)
            except Exception as error:
                return exchange.failed(error, kept=answer.stale)
            if not relay.started:
                return exchange.fault(response, relay)
            passing = _passing(exchange, attempt, relay, first, chunks)
            return exchange.handed_over(response, exchange.stack.async_body(passing, answer.keep()))

    async def unrouted(self, stack: Stack, request: Any) -> Any:
        """Sends a request on as it is; gives the response as it comes."""
        async with _Answer(self._clients, stack) as answer:
            response = await answer.open(stack.copy(request))
            body = stack.async_body(_raw(response), answer.keep())
        return stack.response(response.status_code, response.headers.raw, response.extensions, stream=body)


class _Answer:
    """A response under way and the inner client that it comes through.

    Closed at the end of the context, unless it was kept: then by whoever reads its body.
    """

    def __init__(self, clients: Clients, stack: Stack) -> None:
        self._clients = clients
        self._stack = stack
        self._lease: Lease | None = clients.atake(stack)
        self._response: Any = None
        self._kept = False
        self.stale = False
        """Whether a kept connection ended in place of an answer."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        if not self._kept:
            await self.close()

    async def open(self, request: Any, deadline: Deadline | None = None) -> Any:
        assert self._lease is not None  # noqa: S101 - for the type checker
        try:
            if (way := self._lease.way(self._stack, request)) is not None:
                self._response = await way.handle_async_request(request)
            else:
                self._response = await self._lease.client.send(request, **AS_IT_IS)
        except BaseException as error:
            self.stale = deadline is not None and deadline.on_kept_connection
            if never_opened(error):
                self._clients.lost(self._lease)
            raise
        return self._response

    def keep(self) -> Callable[[], Awaitable[None]]:
        """Leaves closing to the reader of the body: gives the way to do it, which works once."""
        self._kept = True
        return self.close

    async def close(self) -> None:
        lease, self._lease = self._lease, None
        if lease is None:
            return
        try:
            if self._response is not None:
                await self._response.aclose()
        finally:
            await self._clients.adone(lease)


async def _in_time(chunks: AsyncIterator[bytes], deadline: Deadline) -> AsyncGenerator[bytes, None]:
    async for chunk in chunks:
        deadline.left_s()
        yield chunk


async def _first_content(relay: Relay, chunks: AsyncIterator[bytes], deadline: Deadline) -> bytes:
    """Reads until the first content, a fault, or the end; gives what may go to the caller."""
    async for chunk in chunks:
        deadline.left_s()
        first = relay.feed(chunk)
        if relay.started or relay.fault:
            return first
    return relay.end()


async def _passing(
    exchange: Exchange, attempt: Attempt, relay: Relay, first: bytes, chunks: AsyncGenerator[bytes, None]
) -> AsyncGenerator[bytes, None]:
    """What the caller reads: the first content and what follows, or a `StreamBroken` where it breaks."""
    async with aclosing(chunks):
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
        exchange.finished(attempt, relay)


async def _raw(response: Any) -> AsyncGenerator[bytes, None]:
    async for chunk in response.stream:
        yield chunk
