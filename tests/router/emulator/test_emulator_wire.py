"""Connections: how answers reach a client, and what clients can't do to the server."""

from __future__ import annotations

import asyncio
import gc

import h11
import pytest

from router.emulator import wire
from router.emulator.listener import HOST, Listener
from router.emulator.wire import Break, Head, Wait, converse, whole

GET = b"GET /a?b=c&b=d HTTP/1.1\r\nHost: Example.com.:443\r\n\r\n"


def talk(program, respond):
    """Runs `program(reader, writer)` as a client of a server that answers with `respond`."""

    async def main():
        listener = Listener(lambda reader, writer: converse(reader, writer, respond))
        port = await listener.open()
        try:
            async with asyncio.timeout(5):
                reader, writer = await asyncio.open_connection(HOST, port)
                try:
                    return await program(reader, writer)
                finally:
                    writer.transport.abort()
        finally:
            await listener.close()

    return asyncio.run(main())


def sending(*parts: bytes):
    """A client that sends parts and reads until the server ends the connection."""

    async def program(reader, writer):
        for part in parts:
            writer.write(part)
            await writer.drain()
        return await reader.read()

    return program


def fine(_):
    return whole(200, "text/plain", b"fine")


def test_a_request_is_understood_in_all_its_parts():
    seen = []

    def respond(request):
        seen.append(request)
        return [Break.CUT]

    talk(
        sending(b"POST /a%20b?x=1&x=2 HTTP/1.1\r\nHost: Example.COM.:443\r\nX-One: 1\r\nContent-Length: 2\r\n\r\nhi"),
        respond,
    )
    [request] = seen
    assert (request.verb, request.path, request.body) == ("POST", "/a%20b", b"hi")
    assert (request.host, request.header("x-one"), request.header("x-two")) == ("example.com", "1", "")
    assert request.query == {"x": "2"}


def test_a_body_in_chunks_is_put_together():
    bodies = []

    def respond(request):
        bodies.append(request.body)
        return [Break.CUT]

    talk(
        sending(
            b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", b"2\r\nde\r\n0\r\n\r\n"
        ),
        respond,
    )
    assert bodies == [b"abcde"]


def test_a_connection_is_used_again():
    async def program(reader, writer):
        answers = []
        for _ in range(3):
            writer.write(GET)
            await reader.readuntil(b"\r\n\r\n")
            answers.append(await reader.readexactly(4))
        return answers

    assert talk(program, fine) == [b"fine"] * 3


def test_requests_sent_at_once_are_answered_in_order():
    received = talk(sending(GET + GET + b"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"), fine)
    assert received.count(b"200") == 3


def test_a_body_without_length_is_sent_in_chunks():
    received = talk(
        sending(b"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"), lambda _: [Head(200), b"ab", b"", b"c"]
    )
    head, _, body = received.partition(b"\r\n\r\n")
    assert b"transfer-encoding: chunked" in head.lower()
    assert body == b"2\r\nab\r\n1\r\nc\r\n0\r\n\r\n"


def test_a_client_that_asks_before_sending_its_body_is_told_to_go_on():
    async def program(reader, writer):
        writer.write(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n")
        first = await reader.readuntil(b"\r\n\r\n")
        writer.write(b"hi")
        return first, await reader.readuntil(b"fine")

    first, second = talk(program, fine)
    assert first.startswith(b"HTTP/1.1 100")
    assert second.startswith(b"HTTP/1.1 200")


def test_a_cut_answer_ends_without_its_end():
    received = talk(sending(GET), lambda _: [Head(200), b"ab", Break.CUT])
    assert received.endswith(b"2\r\nab\r\n")


def test_a_reset_is_an_error_for_the_client():
    with pytest.raises(ConnectionResetError):
        talk(sending(GET), lambda _: [Break.RESET])


def test_a_hanging_answer_ends_when_the_client_goes():
    async def program(reader, writer):
        writer.write(GET)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await reader.read(1)

    talk(program, lambda _: [Break.HANG])


def test_waiting_comes_before_what_follows():
    async def program(reader, writer):
        writer.write(GET)
        begin = asyncio.get_running_loop().time()
        await reader.readuntil(b"fine")
        return asyncio.get_running_loop().time() - begin

    assert talk(program, lambda request: [Wait(0.05), *fine(request)]) >= 0.05


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"nonsense\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\n\r\n", b"400"),
        (b"\x16\x03\x01\x02\x00\x01\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\nHost: h\r\nContent-Length: x\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\nHost: h\r\nX: " + b"x" * 3 * wire.HEAD_LIMIT, b"431"),
    ],
)
def test_what_is_not_http_is_refused(sent, status):
    received = talk(sending(sent), fine)
    assert received.startswith(b"HTTP/1.1 " + status)


def test_a_body_that_is_too_large_is_refused(monkeypatch):
    monkeypatch.setattr(wire, "BODY_LIMIT", 10)
    received = talk(sending(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 11\r\n\r\n" + b"x" * 11), fine)
    assert received.startswith(b"HTTP/1.1 413")


@pytest.mark.parametrize(
    "sent",
    [b"", b"GET", b"GET / HTTP/1.1\r\nHost: h\r\n", b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nhi", GET],
)
@pytest.mark.parametrize("abruptly", [False, True])
def test_a_client_may_leave_at_any_time(sent, abruptly, capfd):
    async def program(_, writer):
        writer.write(sent)
        await writer.drain()
        if abruptly:
            wire.abort(writer)
        await asyncio.sleep(0)

    talk(program, lambda _: [Head(200), *[b"x" * 100_000] * 50])
    assert capfd.readouterr().err == ""


def test_a_handler_that_fails_ends_its_connection_only(caplog):
    def respond(request):
        if request.path == "/bad":
            raise ValueError("a mistake")
        return fine(request)

    async def main():
        listener = Listener(lambda reader, writer: converse(reader, writer, respond))
        port = await listener.open()
        answers = []
        for path in (b"/bad", b"/good"):
            reader, writer = await asyncio.open_connection(HOST, port)
            writer.write(b"GET " + path + b" HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
            answers.append(await reader.read())
            writer.close()
            await writer.wait_closed()
        await listener.close()
        return answers

    bad, good = asyncio.run(main())
    assert bad == b""
    assert good.endswith(b"fine")
    assert "a mistake" in caplog.text


def test_idle_connections_end_with_the_listener():
    async def main():
        listener = Listener(lambda reader, writer: converse(reader, writer, fine))
        port = await listener.open()
        connections = [await asyncio.open_connection(HOST, port) for _ in range(20)]
        await asyncio.sleep(0.01)
        async with asyncio.timeout(1):
            await listener.close()
            ends = [await reader.read() for reader, _ in connections]
        for _, writer in connections:
            writer.close()
            await writer.wait_closed()
        with pytest.raises(OSError, match="Connect call failed"):
            await asyncio.open_connection(HOST, port)
        return ends

    assert asyncio.run(main()) == [b""] * 20
    gc.collect()  # a connection that was left open would warn


def test_the_server_speaks_http_that_another_implementation_understands():
    received = talk(
        sending(b"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"), lambda _: [Head(200), b"ab", b"c"]
    )
    client = h11.Connection(h11.CLIENT)
    client.send(h11.Request(method="GET", target="/", headers=[("host", "h")]))
    client.send(h11.EndOfMessage())
    client.receive_data(received)
    client.receive_data(b"")
    events = [client.next_event() for _ in range(4)]
    assert [type(event) for event in events] == [h11.Response, h11.Data, h11.Data, h11.EndOfMessage]
