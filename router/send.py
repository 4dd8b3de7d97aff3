"""Sends attempts for sync callers. `asend` is the same with `await`; all that they decide is in
`exchange` and `relay`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Self

from router.clients import Clients, Lease
from router.deadline import Deadline
from router.exchange import Exchange
from router.relay import Relay
from router.signals import Signal, never_opened
from router.stack import Stack
from router.trace import Attempt

AS_IT_IS = {"stream": True, "auth": None, "follow_redirects": False}
"""How the inner client sends: what it was given, once, and without reading the answer."""


class Sender:
    """Sends through the inner clients of one transport."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    def attempt(self, exchange: Exchange, attempt: Attempt) -> Signal:
        """Sends one attempt; gives what came of it. Its answer, if any, is with the exchange."""
        deadline = exchange.deadline(attempt)
        auth = exchange.auth
        credential = auth.headers(*exchange.signing(attempt)) if auth else {}
        request = exchange.outgoing(attempt, credential)
        with _Answer(self._clients, exchange.stack) as answer:
            try:
                with deadline:
                    response = answer.open(request, deadline)
                    relay = exchange.relay(attempt, response)
                    if relay is None:
                        response.stream = exchange.stack.sync_body(
                            _in_time(response.stream, deadline), response.stream.close
                        )
                        response.read()
                        deadline.left_s()  # of a response that came as a whole, too
                        return exchange.whole(attempt, response)
                    chunks = response.iter_bytes()
                    first = _first_content(relay, chunks, deadline)
            except Exception as error:
                return exchange.failed(error, kept=answer.stale)
            if not relay.started:
                return exchange.fault(response, relay)
            passing = _passing(exchange, attempt, relay, first, chunks)
            return exchange.handed_over(response, exchange.stack.sync_body(passing, answer.keep()))

    def unrouted(self, stack: Stack, request: Any) -> Any:
        """Sends a request on as it is; gives the response as it comes."""
        with _Answer(self._clients, stack) as answer:
            response = answer.open(stack.copy(request))
            body = stack.sync_body(iter(response.stream), answer.keep())
        return stack.response(response.status_code, response.headers.raw, response.extensions, stream=body)


class _Answer:
    """A response under way and the inner client that it comes through.

    Closed at the end of the context, unless it was kept: then by whoever reads its body.
    """

    def __init__(self, clients: Clients, stack: Stack) -> None:
        self._clients = clients
        self._stack = stack
        self._lease: Lease | None = clients.take(stack)
        self._response: Any = None
        self._kept = False
        self.stale = False
        """Whether a kept connection ended in place of an answer."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if not self._kept:
            self.close()

    def open(self, request: Any, deadline: Deadline | None = None) -> Any:
        assert self._lease is not None  # noqa: S101 - for the type checker
        try:
            if (way := self._lease.way(self._stack, request)) is not None:
                self._response = way.handle_request(request)
            else:
                self._response = self._lease.client.send(request, **AS_IT_IS)
        except BaseException as error:
            self.stale = deadline is not None and deadline.on_kept_connection
            if never_opened(error):
                self._clients.lost(self._lease)
            raise
        return self._response

    def keep(self) -> Callable[[], None]:
        """Leaves closing to the reader of the body: gives the way to do it, which works once."""
        self._kept = True
        return self.close

    def close(self) -> None:
        lease, self._lease = self._lease, None
        if lease is None:
            return
        try:
            if self._response is not None:
                self._response.close()
        finally:
            self._clients.done(lease)


def _in_time(chunks: Iterator[bytes], deadline: Deadline) -> Iterator[bytes]:
    for chunk in chunks:
        deadline.left_s()
        yield chunk


def _first_content(relay: Relay, chunks: Iterator[bytes], deadline: Deadline) -> bytes:
    """Reads until the first content, a fault, or the end; gives what may go to the caller."""
    for chunk in chunks:
        deadline.left_s()
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
    exchange.finished(attempt, relay)
