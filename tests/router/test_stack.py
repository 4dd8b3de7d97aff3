"""What is made in a stack's own types: copies of requests, responses, streams and addresses."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator
from types import ModuleType
from typing import Any

import anyio
import pytest

from router.stack import NAMES, Stack, headers_of, installed, stack_of
from tests.router.support import STACKS, each_loop, each_stack

HERE = "https://europe-west4-aiplatform.googleapis.com/v1/a%2Fb?alt=sse&x=%2f+"
THERE = ("aiplatform.eu.rep.googleapis.com", "/v1/a%2Fb?alt=sse&x=%2f+")
TIMEOUT = {"connect": 1.0, "read": 2.0, "write": 3.0, "pool": 4.0}


def moved(module: ModuleType, request: Any, **more: Any) -> Any:
    """This request, for another address."""
    stack = Stack(module)
    given = {"headers": {}, "body": stack.body(request), "timeout_s": TIMEOUT, **more}
    return stack.request(request, stack.url(*THERE), **given)


def headers(request: Any) -> list[tuple[str, str]]:
    return [(name.lower().decode(), value.decode()) for name, value in request.headers.raw]


def value(request: Any, name: str) -> list[str]:
    return [each for key, each in headers(request) if key == name]


def once(*chunks: bytes) -> Iterator[bytes]:
    """A body that can be read once."""
    yield from chunks


# Copies for another address


@each_stack
@pytest.mark.parametrize("verb", ["POST", "PUT", "GET"])
@pytest.mark.parametrize("content", [b'{"a": "\xc3\xa9"}', b"", b"\x00\xff"])
def test_a_copy_keeps_method_headers_content_and_extensions(module: ModuleType, verb: str, content: bytes) -> None:
    own = [("X-One", "1"), ("x-two", "2"), ("X-One", "another"), ("Content-Type", "application/json")]
    request = module.Request(verb, HERE, headers=own, content=content, extensions={"trace": 1, "timeout": {"read": 9}})
    copy = moved(module, request)
    assert (copy.method, copy.content) == (verb, content)
    assert [pair for pair in copy.headers.raw if pair[0] in {b"X-One", b"x-two", b"Content-Type"}] == [
        (name.encode(), value.encode()) for name, value in own
    ]
    assert copy.extensions == {"trace": 1, "timeout": TIMEOUT}
    assert b"".join(copy.stream) == content


@each_stack
def test_the_host_header_follows_the_address(module: ModuleType) -> None:
    for own in ({}, {"Host": "europe-west4-aiplatform.googleapis.com"}, {"HOST": "elsewhere.example"}):
        copy = moved(module, module.Request("POST", HERE, headers=own, content=b"{}"))
        assert value(copy, "host") == ["aiplatform.eu.rep.googleapis.com"]
        assert copy.url.host == "aiplatform.eu.rep.googleapis.com"
        assert copy.headers.raw[0][0] == b"Host"


@each_stack
@pytest.mark.parametrize(
    "own",
    [{}, {"Content-Length": "999"}, {"content-length": "5", "CONTENT-LENGTH": "6"}, {"Transfer-Encoding": "chunked"}],
)
def test_the_length_is_that_of_the_body(module: ModuleType, own: dict[str, str]) -> None:
    request = module.Request("POST", HERE, headers=own, content=b'{"a": "\xc3\xa9"}')
    copy = moved(module, request)
    assert value(copy, "content-length") == ["11"]
    assert value(copy, "transfer-encoding") == []


@each_stack
def test_a_body_that_was_read_from_a_stream_is_sent_whole(module: ModuleType) -> None:
    request = module.Request("POST", HERE, content=once(b"one", b"two"))
    request.read()
    copy = moved(module, request)
    assert copy.content == b"onetwo"
    assert value(copy, "content-length") == ["6"]
    assert value(copy, "transfer-encoding") == []


@each_stack
def test_a_body_that_can_be_read_once_stays_a_stream(module: ModuleType) -> None:
    request = module.Request("POST", HERE, content=once(b"one", b"two"))
    assert Stack(module).body(request) is None
    copy = moved(module, request)
    assert copy.stream is request.stream
    assert value(copy, "transfer-encoding") == ["chunked"]
    assert value(copy, "content-length") == []
    assert b"".join(copy.stream) == b"onetwo"


@each_stack
def test_headers_of_ours_replace_the_clients_in_any_case(module: ModuleType) -> None:
    own = [("Authorization", "Bearer old"), ("AUTHORIZATION", "Bearer older"), ("x-goog-user-project", "p")]
    request = module.Request("POST", HERE, headers=own, content=b"{}")
    copy = moved(module, request, headers={"authorization": "Bearer new", "x-allowed-locations": "0x1"})
    assert value(copy, "authorization") == ["Bearer new"]
    assert value(copy, "x-allowed-locations") == ["0x1"]
    assert value(copy, "x-goog-user-project") == ["p"]


@each_stack
def test_the_clients_own_request_stays_as_it_is(module: ModuleType) -> None:
    request = module.Request("POST", HERE, headers={"x-one": "1"}, content=b"{}", extensions={"timeout": {"read": 9}})
    before = (str(request.url), list(request.headers.raw), dict(request.extensions))
    moved(module, request, headers={"x-one": "2"})
    assert (str(request.url), list(request.headers.raw), dict(request.extensions)) == before


@each_stack
def test_a_copy_as_it_is_is_one_for_another_client_to_send(module: ModuleType) -> None:
    request = module.Request("POST", HERE, headers=[("X-One", "1"), ("X-One", "2")], content=once(b"one"))
    copy = Stack(module).copy(request)
    assert type(copy) is module.Request
    assert (copy.method, copy.url, copy.headers.raw) == (request.method, request.url, request.headers.raw)
    assert copy.stream is request.stream
    assert copy.extensions == request.extensions


@each_stack
def test_a_copy_is_sent_by_the_stacks_own_client(module: ModuleType) -> None:
    seen = []

    def answer(request: Any) -> Any:
        seen.append((request.url.host, request.read(), request.headers["host"]))
        return module.Response(200)

    with module.Client(transport=module.MockTransport(answer)) as client:
        client.send(moved(module, module.Request("POST", HERE, content=b"{}")))
        client.send(moved(module, module.Request("POST", HERE, content=once(b"one", b"two"))))
    assert seen == [(THERE[0], b"{}", THERE[0]), (THERE[0], b"onetwo", THERE[0])]


# Whose is it?


@each_stack
def test_a_request_is_known_by_its_stack_also_where_a_client_has_subclassed_it(module: ModuleType) -> None:
    class Own(module.Request):  # type: ignore[name-defined,misc]
        pass

    class Further(Own):
        pass

    for kind in (module.Request, Own, Further):
        assert stack_of(kind("POST", HERE)).module is module


def test_a_request_of_neither_stack_is_refused() -> None:
    with pytest.raises(TypeError, match="expected a request of httpx or httpx2, got"):
        stack_of(object())


@each_stack
def test_there_is_one_stack_of_each_name(module: ModuleType) -> None:
    assert stack_of(module.Request("POST", HERE)) is stack_of(module.Request("GET", HERE))


def test_for_its_own_requests_a_stack_is_taken_that_the_program_uses() -> None:
    first = next(name for name in NAMES if name in {module.__name__ for module in STACKS})
    assert installed().__name__ == first


def test_without_any_in_use_the_one_that_is_there_is_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def find(name: str) -> Any:
        asked.append(name)
        if name == "httpx2":
            raise ModuleNotFoundError(name)
        return STACKS[0]

    monkeypatch.setattr("router.stack.sys.modules", {})
    monkeypatch.setattr("router.stack.importlib.import_module", find)
    assert installed() is STACKS[0]
    assert asked == ["httpx2", "httpx"]


# Responses and streams


@each_stack
def test_a_response_has_all_headers_and_extensions(module: ModuleType) -> None:
    pairs = [(b"x-one", b"1"), (b"x-one", b"2")]
    response = Stack(module).response(429, pairs, {"vertex_router": 7}, content=b"{}")
    assert type(response) is module.Response
    assert (response.status_code, response.content, response.extensions["vertex_router"]) == (429, b"{}", 7)
    assert [pair for pair in response.headers.raw if pair[0] == b"x-one"] == pairs


class Transport:
    """Inherits from no stack, as the router's own; answers with a stream of its own making."""

    def __init__(self, module: ModuleType) -> None:
        self.stack = Stack(module)
        self.closed = 0

    def close(self) -> None:
        self.closed += 1

    async def aclose(self) -> None:
        self.closed += 1

    def handle_request(self, request: Any) -> Any:
        return self.stack.response(200, [], {}, stream=self.stack.sync_body(once(b"one", b"two"), self.close))

    async def handle_async_request(self, request: Any) -> Any:
        async def chunks() -> AsyncGenerator[bytes, None]:
            yield b"one"
            yield b"two"

        return self.stack.response(200, [], {}, stream=self.stack.async_body(chunks(), self.aclose))


@each_stack
def test_a_sync_client_takes_a_stream_of_ours_and_closes_it(module: ModuleType) -> None:
    transport = Transport(module)
    client = module.Client(transport=transport)
    assert client.get(HERE).content == b"onetwo"
    assert transport.closed == 1
    with client.stream("GET", HERE) as response:
        assert transport.closed == 1
        assert next(response.iter_raw()) == b"one"
    assert transport.closed == 2


@each_stack
@each_loop
def test_an_async_client_takes_a_stream_of_ours_and_closes_it(module: ModuleType, loop: str) -> None:
    transport = Transport(module)

    async def main() -> None:
        client = module.AsyncClient(transport=transport)
        assert (await client.get(HERE)).content == b"onetwo"
        assert transport.closed == 1
        async with client.stream("GET", HERE) as response:
            assert [chunk async for chunk in response.aiter_raw()] == [b"one", b"two"]
        assert transport.closed == 2

    anyio.run(main, backend=loop)


@each_stack
def test_a_stream_is_of_the_stacks_own_type_and_of_no_others(module: ModuleType) -> None:
    stack = Stack(module)
    sync, other = stack.sync_body(once(), print), stack.sync_body(once(), print)
    assert type(sync) is type(other)
    assert isinstance(sync, module.SyncByteStream)
    for each in STACKS:
        assert isinstance(sync, each.SyncByteStream) == (each is module)


# Addresses


@each_stack
def test_an_address_keeps_its_path_and_query_byte_for_byte(module: ModuleType) -> None:
    url = Stack(module).url(*THERE)
    assert isinstance(url, module.URL)
    assert (url.scheme, url.host, url.port, url.raw_path) == ("https", THERE[0], None, THERE[1].encode())


@each_stack
def test_the_same_address_is_made_once_and_two_are_never_confused(module: ModuleType) -> None:
    stack = Stack(module)
    assert stack.url(*THERE) is stack.url(*THERE)
    assert stack.url("aiplatform.us.rep.googleapis.com", THERE[1]).host == "aiplatform.us.rep.googleapis.com"
    assert stack.url(THERE[0], "/v1/other").raw_path == b"/v1/other"
    assert stack.url(*THERE).host == THERE[0]


@each_stack
@pytest.mark.parametrize(
    "own",
    [[], [("X-One", "1"), ("x-two", "2")], [("A", "1"), ("a", "2")], [(b"x", b"\xc3\xa9")], [(b"x", b"\xff\xfe")]],
)
def test_headers_are_read_as_their_stack_reads_them(module: ModuleType, own: Any) -> None:
    request = module.Request("POST", HERE, headers=own, content=b"{}")
    assert headers_of(request) == dict(request.headers.items())
