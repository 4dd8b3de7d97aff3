"""A batch: rows per second beside a bare client, memory by number of rows, and time to go on with a finished output.

The service is a process of its own on loopback that answers after a latency. Its connections are opened in plain
HTTP, by the same transport for both clients, so that neither pays for TLS.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import anyio
import httpx2

from router import Policy, Router
from router.batch.conventions import Asked
from router.batch.job import Ask, Batch
from router.batch.outcome import Outcome
from router.batch.record import digest_of, line_of
from router.batch.settings import Settings
from router.batch.world import RouterWorld

MODEL = "gemini-2.5-flash-image"
AT_ONCE = 64
ROUNDS = 3
LATENCIES_S = (0.5, 0.2)
TURNS = 8
MEGABYTE = 1 << 20
SAID = {
    "candidates": [{"content": {"parts": [{"text": "y" * 500}]}, "finishReason": "STOP"}],
    "usageMetadata": {"promptTokenCount": 125, "candidatesTokenCount": 125, "totalTokenCount": 250},
}
ANSWER = json.dumps(SAID).encode()
PLACE = "europe-west1"
URL = (
    f"https://{PLACE}-aiplatform.googleapis.com/v1/projects/p/locations/{PLACE}"
    f"/publishers/google/models/{MODEL}:generateContent"
)
OUTCOME = Outcome(state="ok", status=200, body=ANSWER, location=PLACE, model=MODEL, attempts=1, usd=Decimal("0.001"))


class Credentials:
    """A token that never ends."""

    valid = True
    universe_domain = "googleapis.com"

    def before_request(self, request: object, method: str, url: str, headers: dict[str, str]) -> None:
        """Signs a request."""
        headers["authorization"] = "Bearer made-up"


class Here(httpx2.AsyncBaseTransport):
    """Has requests for any host sent to the service on loopback."""

    def __init__(self, port: int) -> None:
        limits = httpx2.Limits(max_connections=AT_ONCE, max_keepalive_connections=AT_ONCE)
        self._inner = httpx2.AsyncHTTPTransport(limits=limits)
        self._port = port

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Sends it."""
        request.url = request.url.copy_with(scheme="http", host="127.0.0.1", port=self._port)
        return await self._inner.handle_async_request(request)

    async def aclose(self) -> None:
        """Closes the connections."""
        await self._inner.aclose()


# The service


def serve(latency_s: float) -> None:
    """Answers for ever, printing its port first."""

    class Service(asyncio.Protocol):
        def connection_made(self, transport: Any) -> None:
            self.transport, self.data = transport, b""

        def data_received(self, data: bytes) -> None:
            self.data += data
            while (end := self.data.find(b"\r\n\r\n")) >= 0:
                head = self.data[:end].lower()
                size = int(head.partition(b"content-length:")[2].partition(b"\r\n")[0])
                if len(self.data) < end + 4 + size:
                    return
                self.data = self.data[end + 4 + size :]
                asyncio.get_running_loop().call_later(latency_s, self.transport.write, REPLY)

    async def run() -> None:
        server = await asyncio.get_running_loop().create_server(Service, "127.0.0.1", 0)
        print(server.sockets[0].getsockname()[1], flush=True)
        await server.serve_forever()

    asyncio.run(run())


REPLY = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s" % (len(ANSWER), ANSWER)


def throughput(folder: Path) -> None:
    """Prints rows per second of a batch and of a bare client, by turns."""
    print(f"{AT_ONCE} side by side     bare client        batch      batch / bare")
    for latency_s in LATENCIES_S:
        service = subprocess.Popen(
            [sys.executable, __file__, "--serve", str(latency_s)], stdout=subprocess.PIPE, text=True
        )
        try:
            assert service.stdout is not None
            port = int(service.stdout.readline())
            rows = AT_ONCE * TURNS
            router = Router(Policy(residency="eu", allow_locations=[PLACE]))
            routed(router, port, rows, folder)  # finds the pace, which takes the first seconds
            pairs = [(bare(port, rows), routed(router, port, rows, folder)) for _ in range(ROUNDS)]
        finally:
            service.kill()
            service.wait()
        (rate, cpu), (batch_rate, batch_cpu) = (
            [statistics.median(column) for column in zip(*column, strict=True)] for column in zip(*pairs, strict=True)
        )
        ratio = statistics.median(batch[0] / alone[0] for alone, batch in pairs)
        print(
            f"latency {latency_s * 1000:3.0f} ms  {rate:9.1f} rows/s {batch_rate:9.1f} rows/s {ratio:9.3f}"
            f"      CPU of a row {cpu * 1000:.2f} and {batch_cpu * 1000:.2f} ms"
        )


def body(row: int) -> dict[str, Any]:
    """A request."""
    return {"contents": [{"role": "user", "parts": [{"text": f"{row:06}" + "x" * 494}]}]}


def bare(port: int, rows: int) -> tuple[float, float]:
    """Rows per second, and seconds of CPU for a row, of a client that sends bodies, reads answers, and no more."""
    headers = {"content-type": "application/json", "authorization": "Bearer made-up"}
    bodies = [json.dumps(body(row)).encode() for row in range(rows)]

    async def work(client: httpx2.AsyncClient) -> None:
        while bodies:
            response = await client.post(URL, content=bodies.pop(), headers=headers)
            assert response.json() == SAID

    async def run() -> tuple[float, float]:
        async with httpx2.AsyncClient(transport=Here(port), timeout=60) as client, anyio.create_task_group() as group:
            begun, cpu = time.perf_counter(), time.process_time()
            for _ in range(AT_ONCE):
                group.start_soon(work, client)
        return rows / (time.perf_counter() - begun), (time.process_time() - cpu) / rows

    return anyio.run(run)


def routed(router: Router, port: int, rows: int, folder: Path) -> tuple[float, float]:
    """Rows per second, and seconds of CPU for a row, of a batch from a file into a file."""
    given, out = folder / "in.jsonl", folder / "out.jsonl"
    given.write_text("".join(json.dumps({"request": body(row)}) + "\n" for row in range(rows)), "utf-8")
    out.unlink(missing_ok=True)
    options = {"transport": Here(port)}
    settings = {"project": "p", "model": MODEL, "concurrency": AT_ONCE}
    cpu = time.process_time()
    summary = router.batch(given, out, credentials=Credentials(), options=options, **settings).run()
    assert summary.states == {"ok": rows}
    assert summary.attempts == rows, "nothing was rejected"
    assert summary.rows == rows
    return rows / summary.seconds, (time.process_time() - cpu) / rows


# Memory, and going on


class Instant(RouterWorld):
    """A world that answers at once."""

    @asynccontextmanager
    async def asking(self, settings: Settings) -> AsyncIterator[Ask]:
        """What answers."""

        async def ask(asked: Asked) -> Outcome:
            await anyio.lowlevel.checkpoint()
            return OUTCOME

        yield ask


def given(rows: int) -> Iterator[bytes]:
    """The lines of an input."""
    return (json.dumps({"request": body(row)}).encode() for row in range(1, rows + 1))


def memory(rows: int, folder: Path, settings: dict[str, Any]) -> None:
    """Prints the peak of memory and the time of a batch of so many rows that are answered at once, as JSON."""
    path = folder / "in.jsonl"
    with path.open("wb") as file:
        file.writelines(line + b"\n" for line in given(rows))
    router = Router(Policy(residency="eu"))
    world = Instant(router._scopes, router.google_auth(Credentials()), {})
    before = peak()
    begun, cpu = time.perf_counter(), time.process_time()
    batch = Batch(
        world, path, folder / "out.jsonl", Settings(project="p", model=MODEL, concurrency=AT_ONCE, **settings)
    )
    assert batch.run().states == {"ok": rows}
    print(json.dumps({"before": before, "peak": peak(), **took(begun, cpu)}))


def resume(rows: int, folder: Path) -> None:
    """Prints the peak of memory and the time to find that every row is done, as JSON."""
    path, out = folder / "in.jsonl", folder / "out.jsonl"
    settings = Settings(project="p", model=MODEL)
    with path.open("wb") as lines, out.open("wb") as done:
        for row, line in enumerate(given(rows), 1):
            lines.write(line + b"\n")
            content = {"request": body(row), "status": "", "response": SAID}
            done.write(line_of(row, digest_of(line, settings.salt), OUTCOME, 1_800_000_000, content))
    size = out.stat().st_size
    router = Router(Policy(residency="eu"))
    world = Instant(router._scopes, router.google_auth(Credentials()), {})
    before = peak()
    begun, cpu = time.perf_counter(), time.process_time()
    summary = Batch(world, path, out, settings).run()
    assert (summary.states, summary.this_run) == ({"ok": rows}, 0)
    print(json.dumps({"before": before, "peak": peak(), **took(begun, cpu), "size": size}))


def took(begun: float, cpu: float) -> dict[str, float]:
    """Seconds since a time, by the clock and of CPU: on a busy machine the one tells less than the other."""
    return {"s": time.perf_counter() - begun, "cpu_s": time.process_time() - cpu}


def peak() -> float:
    """The most memory so far, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / MEGABYTE


def apart(what: str, rows: int, **settings: Any) -> dict[str, float]:
    """What a measurement in a fresh process gives."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, __file__, f"--{what}", str(rows), folder, json.dumps(settings)]
        found: dict[str, float] = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
        return found


def table(counts: list[int]) -> None:
    """Prints memory and times."""
    print("rows        what                      peak of memory       time      CPU")
    for rows in counts:
        for name, settings in KINDS.items():
            show(rows, name, apart("memory", rows, **settings))
        show(rows, "going on", apart("resume", rows))


KINDS: dict[str, dict[str, Any]] = {
    "batch": {},
    "batch, ordered": {"ordered": True},
    "batch, dedupe": {"dedupe": True},
}


def show(rows: int, name: str, found: dict[str, float]) -> None:
    """Prints a row of the table."""
    memory = f"{found['peak']:6.0f} MiB (+{found['peak'] - found['before']:.0f})"
    size = f"  {found['size'] / MEGABYTE:,.0f} MiB of output" if "size" in found else ""
    print(f"{rows:<11,} {name:22} {memory:20} {found['s']:7.1f} s {found['cpu_s']:6.1f} s{size}")


def main() -> None:
    """Prints the tables."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--full", action="store_true", help="a million rows as well; takes minutes")
    parser.add_argument("--serve", type=float, help=argparse.SUPPRESS)
    parser.add_argument("--memory", nargs=3, help=argparse.SUPPRESS)
    parser.add_argument("--resume", nargs=3, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.serve is not None:
        serve(asked.serve)
    elif asked.memory:
        memory(int(asked.memory[0]), Path(asked.memory[1]), json.loads(asked.memory[2]))
    elif asked.resume:
        resume(int(asked.resume[0]), Path(asked.resume[1]))
    else:
        with tempfile.TemporaryDirectory() as folder:
            throughput(Path(folder))
        table([10_000, 100_000, *([1_000_000] if asked.full else [])])


if __name__ == "__main__":
    main()
