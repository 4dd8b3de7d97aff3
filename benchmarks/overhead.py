"""What routing adds to a call that needs no failover: CPU time, by turns with the bare client."""

from __future__ import annotations

import importlib
import json
import statistics
import time
from collections.abc import Callable
from typing import Any

from router import Policy, Router
from router.rules import Question

ROUNDS = 15
CALLS = 200
MODEL = "gemini-2.5-flash-image"
URL = (
    "https://europe-west1-aiplatform.googleapis.com/v1/projects/p/locations/europe-west1"
    f"/publishers/google/models/{MODEL}:generateContent"
)
BODY = json.dumps({"contents": [{"role": "user", "parts": [{"text": "x" * 500}]}]}).encode()
ANSWER = json.dumps({"candidates": [{"content": {"parts": [{"text": "y" * 500}]}, "finishReason": "STOP"}]}).encode()
JSON = {"content-type": "application/json"}


def cpu_us(run: Callable[[], object], calls: int = CALLS) -> float:
    """Microseconds of CPU for one run."""
    begin = time.process_time()
    for _ in range(calls):
        run()
    return (time.process_time() - begin) / calls * 1e6


def compare(stack: Any, router: Router) -> None:
    """Prints the cost of a call with and without the router."""
    backend = stack.MockTransport(lambda _: stack.Response(200, content=ANSWER, headers=JSON))
    with stack.Client(transport=backend) as bare, stack.Client(transport=router.transport(transport=backend)) as routed:

        def call(client: Any) -> Any:
            return client.post(URL, content=BODY, headers=JSON)

        assert call(bare).content == call(routed).content == ANSWER
        assert call(routed).headers["x-vertex-router"] == "europe-west1=200"
        pairs = [(cpu_us(lambda: call(bare)), cpu_us(lambda: call(routed))) for _ in range(ROUNDS)]
    one, other = (statistics.median(column) for column in zip(*pairs, strict=True))
    added = statistics.median(routed_us - bare_us for bare_us, routed_us in pairs)
    print(f"{stack.__name__:8} bare {one:6.0f} us   routed {other:6.0f} us   added {added:6.0f} us")


def plan(router: Router) -> None:
    """Prints the cost of a plan, remembered and made anew."""
    core = router._core
    question = Question(MODEL, ("standard",), core.today(), caller="europe-west1")
    assert core.planner.plan(question).allowed[0].candidate.location == "europe-west1"
    remembered = statistics.median(cpu_us(lambda: core.planner.plan(question)) for _ in range(ROUNDS))
    anew = statistics.median(cpu_us(lambda: core.planner._make(question), 20) for _ in range(ROUNDS))
    print(f"plan     remembered {remembered:.1f} us   made anew over 41 locations {anew:.0f} us")


def main() -> None:
    """Prints the table."""
    router = Router(Policy(residency="eu"))
    for name in ("httpx", "httpx2"):
        compare(importlib.import_module(name), router)
    plan(router)


if __name__ == "__main__":
    main()
