"""A server with a token bucket for each location, in a process of its own. No framework: it must cost little.

Answers as Gemini does, and on `/LOCATION/v1/chat/completions` as OpenAI does. `GET /counts` tells how many
requests were admitted and rejected since it was last asked, and fills the buckets again.

    python -m wire.server PORT RATE BURST SERVICE_S
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
import time
from collections import Counter

_LOCATION = re.compile(rb"^POST (?:\S*/locations/([a-z0-9-]+)/|/([a-z0-9-]+)/v1/)")
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)

TEXT = "y" * 200
GEMINI = {"candidates": [{"content": {"role": "model", "parts": [{"text": TEXT}]}, "finishReason": "STOP"}]}
OPENAI = {
    "id": "c",
    "object": "chat.completion",
    "created": 1,
    "model": "m",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": TEXT}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 10, "completion_tokens": 50, "total_tokens": 60},
}
BUSY = {
    "error": {"code": 429, "message": "Resource exhausted. Please try again later.", "status": "RESOURCE_EXHAUSTED"}
}


def whole(status: str, body: object) -> bytes:
    """A response."""
    content = json.dumps(body).encode()
    head = f"HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {len(content)}\r\n\r\n"
    return head.encode() + content


ANSWERS = {"gemini": whole("200 OK", GEMINI), "openai": whole("200 OK", OPENAI)}
REFUSAL = whole("429 Too Many Requests", BUSY)


class Quotas:
    """A bucket for each location, made when it is first asked."""

    def __init__(self, rate: float, burst: float) -> None:
        self._rate, self._burst = rate, burst
        self._buckets: dict[bytes, tuple[float, float]] = {}
        self._counts: Counter[str] = Counter()

    def admit(self, location: bytes) -> bool:
        """Takes a token, if there is one."""
        now = time.monotonic()
        tokens, stamp = self._buckets.get(location, (self._burst, now))
        tokens = min(self._burst, tokens + (now - stamp) * self._rate)
        admitted = tokens >= 1.0 or self._rate == 0.0
        self._buckets[location] = (tokens - admitted, now)
        self._counts["admitted" if admitted else "rejected"] += 1
        return admitted

    def told(self) -> dict[str, int]:
        """The counts, which begin anew."""
        counts = {name: self._counts[name] for name in ("admitted", "rejected")}
        self._counts.clear()
        self._buckets.clear()
        return counts


async def serve(port: int, rate: float, burst: float, service_s: float) -> None:
    """Serves until the process ends. A rate of 0 admits everything."""
    quotas = Quotas(rate, burst)

    async def connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = _LENGTH.search(head)
                if length and int(length[1]):
                    await reader.readexactly(int(length[1]))
                found = _LOCATION.match(head)
                if found is None:
                    writer.write(whole("200 OK", quotas.told()))
                elif quotas.admit(found[1] or found[2]):
                    if service_s:
                        await asyncio.sleep(service_s)
                    writer.write(ANSWERS["gemini" if found[1] else "openai"])
                else:
                    writer.write(REFUSAL)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(connection, "127.0.0.1", port, limit=1 << 22, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    port, *numbers = sys.argv[1:]
    asyncio.run(serve(int(port), *map(float, numbers)))
