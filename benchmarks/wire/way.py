"""The way to the server: starts it, asks it for its counts, and leads a client's requests there."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


@contextmanager
def server(rate: float, burst: float, service_s: float) -> Iterator[int]:
    """A server process while the context lasts; gives its port."""
    command = [sys.executable, "-m", "wire.server", "0", str(rate), str(burst), str(service_s)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=Path(__file__).parents[1], text=True) as process:
        try:
            assert process.stdout is not None
            yield int(process.stdout.readline())
        finally:
            process.terminate()


def counts(port: int) -> dict[str, int]:
    """What the server has admitted and rejected since it was last asked; its buckets are full again."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/counts") as answer:
        found: dict[str, int] = json.load(answer)
    return found


class Loopback:
    """A transport that leads requests to the local server, whatever their host; the path tells the location."""

    def __init__(self, stack: Any, port: int, inner: Any) -> None:
        self._stack = stack
        self._port = port
        self._inner = inner
        self._urls: dict[bytes, Any] = {}
        self._pool = getattr(inner, "_pool", None)  # where the router looks for the network of its client

    def _led(self, request: Any) -> Any:
        path = request.url.raw_path
        url = self._urls.get(path)
        if url is None:
            url = self._urls[path] = self._stack.URL(scheme="http", host="127.0.0.1", port=self._port, raw_path=path)
        request.url = url
        return request

    def handle_request(self, request: Any) -> Any:
        return self._inner.handle_request(self._led(request))

    async def handle_async_request(self, request: Any) -> Any:
        return await self._inner.handle_async_request(self._led(request))

    def close(self) -> None:
        self._inner.close()

    async def aclose(self) -> None:
        await self._inner.aclose()

    def __enter__(self) -> Any:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    async def __aenter__(self) -> Any:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()
