"""What reading a body for pins and features costs, beside decoding it: CPU time, by turns, for a megabyte."""

from __future__ import annotations

import base64
import json
import random
import statistics
import time
from collections.abc import Callable
from datetime import date

import msgspec

import catalog
from router import Policy
from router.contents import Contents, contents
from router.guard import Guard
from router.target import Incoming, Target, parse

ROUNDS = 25
HOST = "europe-west1-aiplatform.googleapis.com"
PATH = "/v1/projects/p/locations/europe-west1/publishers/google/models/gemini-2.5-flash-image:generateContent"
CACHE = "projects/p/locations/europe-west1/cachedContents/1"


def bodies() -> dict[str, bytes]:
    """Requests of about a megabyte: a picture, a long text, many short turns, one with a cache at its end."""
    picture = base64.b64encode(random.Random(0).randbytes(750_000)).decode()
    text = 'He said "no",\nand left.\t' * 40_000
    turns = [{"role": "user", "parts": [{"text": f"what is {number}?"}]} for number in range(18_000)]
    found = {
        "a picture": {"contents": [{"parts": [{"inlineData": {"data": picture}}]}]},
        "a long text": {"contents": [{"parts": [{"text": text}]}]},
        "18,000 short turns": {"contents": turns},
        "a long text and a cache": {"contents": [{"parts": [{"text": text}]}], "cachedContent": CACHE},
    }
    return {name: json.dumps(body).encode() for name, body in found.items()}


def check(target: Target, body: bytes, name: str) -> None:
    """The result, before any timing."""
    found = contents(target, body, {})
    bound = {"europe-west1"} if name.endswith("cache") else set()
    assert isinstance(found, Contents)
    assert {pin.location for pin in found.pins} == bound
    assert found.features == ({"explicit-caching"} if bound else set())


def cpu_ms(run: Callable[[], object]) -> float:
    """Milliseconds of CPU for one run."""
    begin = time.process_time()
    run()
    return (time.process_time() - begin) * 1000


def main() -> None:
    """Prints the table."""
    shipped = catalog.load()
    guard = Guard(shipped, Policy(residency="eu", allow_features="explicit-caching"))
    print(f"{'body':26} {'MB':>5} {'read ms':>8} {'guard ms':>9} {'decode ms':>10} {'both / decode':>14}")
    for name, body in bodies().items():
        asked = Incoming("POST", "https", HOST, None, PATH, {}, body)
        target = parse(asked)
        assert isinstance(target, Target)
        check(target, body, name)

        def read(target: Target = target, body: bytes = body) -> object:
            return contents(target, body, {})

        def guarded(body: bytes = body) -> None:
            guard.check(
                scheme="https", host=HOST, port=None, raw_path=PATH, headers={}, body=body,
                model="gemini-2.5-flash-image", on=date(2026, 11, 21),
            )  # fmt: skip

        def decode(body: bytes = body) -> object:
            return msgspec.json.decode(body)

        rows = [(cpu_ms(read), cpu_ms(guarded), cpu_ms(decode)) for _ in range(ROUNDS)]
        mine, last, whole = (statistics.median(column) for column in zip(*rows, strict=True))
        ratio = statistics.median((one + two) / other for one, two, other in rows)
        print(f"{name:26} {len(body) / 1e6:5.2f} {mine:8.2f} {last:9.2f} {whole:10.2f} {ratio:14.2f}")


if __name__ == "__main__":
    main()
