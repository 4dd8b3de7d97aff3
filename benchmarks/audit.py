"""How long it takes to verify 100,000 attempts, and what being on record adds to a call."""

from __future__ import annotations

import importlib
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import catalog
from router import Policy, Router
from router.audit.verify import catalogs_of, verify
from router.auditing import Auditing

ATTEMPTS = 100_000
MODELS = ("gemini-2.5-flash-image", "text-embedding-005", "gemini-3.8-flash", "claude-opus-4-7")
ROUNDS = 15
CALLS = 200
URL = (
    "https://europe-west1-aiplatform.googleapis.com/v1/projects/p/locations/europe-west1"
    "/publishers/google/models/gemini-2.5-flash-image:generateContent"
)


def verifying(directory: Path) -> None:
    """Prints how long verifying takes, of an audit over several files that a router has written."""
    policy = Policy(residency="eu", audit=Auditing(file=str(directory / "audit.jsonl"), rotate_bytes=16 << 20))
    router = Router(policy)
    assert router.audit is not None
    begin = time.perf_counter()
    for number in range(ATTEMPTS):
        router.call(lambda to: to.location, model=MODELS[number % len(MODELS)])
    router.audit.close()
    wrote = time.perf_counter() - begin
    begin = time.perf_counter()
    report = verify(directory / "audit.jsonl", catalogs_of(catalog.load()), policy)
    took = time.perf_counter() - begin
    assert (report.attempts, report.requests, report.problems) == (ATTEMPTS, ATTEMPTS, [])
    files = [Path(each) for each in report.files]
    changed = files[len(files) // 2]
    changed.write_bytes(changed.read_bytes().replace(b'"ok"', b'"OK"', 1))
    assert len(verify(directory / "audit.jsonl", catalogs_of(catalog.load()), policy).problems) == 1
    size = sum(each.stat().st_size for each in files) / 1e6
    print(f"verify   {report.attempts} attempts, {report.lines} lines, {len(files)} files, {size:.0f} MB: {took:.1f} s")
    print(f"         written through a router, with all it does besides: {wrote:.1f} s")


def adding(directory: Path) -> None:
    """Prints what a call costs on record and not, by turns: in all, and until the caller has its answer."""
    stack: Any = importlib.import_module("httpx")
    policy = Policy(residency="eu")
    backend = stack.MockTransport(lambda _: stack.Response(200, json={"candidates": []}))
    recorded = Router(Policy(residency="eu", audit=directory / "other.jsonl"))
    assert recorded.audit is not None

    def calls(router: Router) -> tuple[float, float]:
        with stack.Client(transport=router.transport(transport=backend)) as client:
            cpu, wall = time.process_time(), time.perf_counter()
            for _ in range(CALLS):
                assert client.post(URL, json={}).status_code == 200
            wall = time.perf_counter() - wall
            if router.audit is not None:
                assert router.audit.flush()
            return (time.process_time() - cpu) / CALLS * 1e6, wall / CALLS * 1e6

    plain = Router(policy)
    pairs = [(calls(plain), calls(recorded)) for _ in range(ROUNDS)]
    sides = zip(*pairs, strict=True)
    (cpu, wall), (cpu_on, wall_on) = (map(statistics.median, zip(*side, strict=True)) for side in sides)
    print(f"a call   {cpu:.0f} us of CPU, on record {cpu_on:.0f} us ({cpu_on / cpu:.2f} x)")
    print(f"         {wall:.0f} us until it returns, on record {wall_on:.0f} us ({wall_on / wall:.2f} x)")
    recorded.audit.close()


def main() -> None:
    """Runs both."""
    with tempfile.TemporaryDirectory() as directory:
        verifying(Path(directory))
        adding(Path(directory))


if __name__ == "__main__":
    main()
