"""The service's second door: gRPC, for Google's own clients. It hands every call to the first, and answers in gRPC.

A call becomes the request that the same method has over HTTP, and its answer, errors and breaks included,
is told in gRPC's words. The messages are those of google-cloud-aiplatform, which has to be installed.
"""

from __future__ import annotations

import importlib
import json
import re
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from router.emulator.wire import Break, Head, Request, Respond, Step, Wait

Hosts = Callable[[int], str]
"""Gives the host that a connection is for, from the port on this machine that it comes from."""

_METHOD = re.compile(r"/google\.cloud\.aiplatform\.(?P<version>v1|v1beta1)\.PredictionService/(?P<name>[A-Za-z]+)")
_METHODS = {
    "GenerateContent": ("generateContent", "GenerateContentRequest", "GenerateContentResponse"),
    "StreamGenerateContent": ("streamGenerateContent?alt=sse", "GenerateContentRequest", "GenerateContentResponse"),
    "CountTokens": ("countTokens", "CountTokensRequest", "CountTokensResponse"),
    "Predict": ("predict", "PredictRequest", "PredictResponse"),
}
_CODES = {400: "INVALID_ARGUMENT", 408: "DEADLINE_EXCEEDED", 429: "RESOURCE_EXHAUSTED", 529: "UNAVAILABLE"}
_THREADS = 64
_PORT = re.compile(r":([0-9]+)$")
_HANG_S = 60.0


@contextmanager
def serving(respond: Respond, hosts: Hosts, key: bytes, certificates: bytes) -> Iterator[int]:
    """Listens while the context is held; gives the port.

    Args:
        respond: who answers the same requests over HTTP.
        key, certificates: of the server, as PEM.
    """
    grpc: Any = importlib.import_module("grpc")  # loaded when it is asked for
    threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="vertex-emulator-grpc")
    server = grpc.server(threads, handlers=[_handler(grpc, respond, hosts)])
    port = server.add_secure_port("127.0.0.1:0", grpc.ssl_server_credentials([(key, certificates)]))
    server.start()
    try:
        yield int(port)
    finally:
        server.stop(grace=None).wait()
        threads.shutdown(wait=False, cancel_futures=True)


def _handler(grpc: Any, respond: Respond, hosts: Hosts) -> Any:
    class Handler(grpc.GenericRpcHandler):  # type: ignore[misc]  # its type is known when it is asked for
        def service(self, details: Any) -> Any:
            found = _METHOD.fullmatch(details.method)
            if found is None or found["name"] not in _METHODS:
                return None
            call = _Call(grpc, respond, hosts, found["version"], found["name"])
            make = grpc.unary_stream_rpc_method_handler if call.streams else grpc.unary_unary_rpc_method_handler
            return make(
                call.answers if call.streams else call.answer,
                request_deserializer=call.asked.deserialize,
                response_serializer=call.answered.serialize,
            )

    return Handler()


class _Call:
    """The calls of one method."""

    def __init__(self, grpc: Any, respond: Respond, hosts: Hosts, version: str, name: str) -> None:
        types = importlib.import_module(f"google.cloud.aiplatform_{version}.types")
        self._verb, asked, answered = _METHODS[name]
        self.asked, self.answered = getattr(types, asked), getattr(types, answered)
        self.streams = name.startswith("Stream")
        self._json: Any = importlib.import_module("google.protobuf.json_format")
        self._grpc = grpc
        self._respond = respond
        self._hosts = hosts
        self._version = version

    def answer(self, message: Any, context: Any) -> Any:
        """The one answer to a call."""
        return self._message(b"".join(self._bodies(message, context)))

    def answers(self, message: Any, context: Any) -> Iterator[Any]:
        """The answers to a call, each as an event has come."""
        for body in self._bodies(message, context):
            data = body.removeprefix(b"data: ")
            error = json.loads(data).get("error")
            if error:
                self._fail(context, error["code"], data)
            yield self._message(data)

    def _bodies(self, message: Any, context: Any) -> Iterator[bytes]:
        """What would be the body over HTTP, piece by piece."""
        status = 200
        for step in self._respond(self._request(message, context)):
            match step:
                case Wait(seconds=seconds):
                    time.sleep(seconds)
                case Head(status=found):
                    status = found
                case Break():
                    self._break(step, context)
                case bytes():
                    if status != 200:
                        self._fail(context, status, step)
                    if step:
                        yield step

    def _request(self, message: Any, context: Any) -> Request:
        content = self._json.MessageToDict(self.asked.pb(message))
        resource = content.pop("model", None) or content.pop("endpoint", "")
        host = self._hosts(int(found[1]) if (found := _PORT.search(context.peer())) else 0)
        headers = [(key, value) for key, value in context.invocation_metadata() if isinstance(value, str)]
        target = f"/{self._version}/{resource}:{self._verb}"
        return Request("POST", target, (("host", host), *headers), json.dumps(content).encode())

    def _message(self, body: bytes) -> Any:
        answer = self.answered()
        self._json.Parse(body, self.answered.pb(answer), ignore_unknown_fields=True)
        return answer

    def _break(self, how: Step, context: Any) -> None:
        """Ends a call that is not to end well."""
        if how is Break.HANG:
            until = time.monotonic() + _HANG_S
            while context.is_active() and time.monotonic() < until:
                time.sleep(0.05)
        context.abort(self._grpc.StatusCode.UNAVAILABLE, "Socket closed")

    def _fail(self, context: Any, status: int, body: bytes) -> None:
        """Ends a call with the error that an HTTP status and body mean."""
        try:
            content = json.loads(body)
        except ValueError:  # a page of Google's front end
            content = {}
        content = content[0] if isinstance(content, list) else content
        error = content.get("error", {})
        name = error.get("status") or _CODES.get(status, "NOT_FOUND" if status == 404 else "UNAVAILABLE")
        code = getattr(self._grpc.StatusCode, name, self._grpc.StatusCode.UNKNOWN)
        context.abort(code, error.get("message") or f"HTTP status {status}")
