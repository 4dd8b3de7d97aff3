"""litellm's Router over a deployment for each location; runs in litellm's own environment.

    python litellm_router.py PORT REQUESTS WORKERS RETRIES LOCATION...

RETRIES below 0 leaves litellm's defaults. Prints JSON: how many were answered, wall time, p99, CPU.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time

import litellm
from litellm.types.router import RouterRateLimitError

litellm.suppress_debug_info = True
litellm.telemetry = False

NO_CAPACITY = (litellm.RateLimitError, RouterRateLimitError)
"""What it raises for a 429, and when it keeps away from every deployment."""


async def main() -> None:
    port, requests, workers, retries, *locations = sys.argv[1:]
    deployments = [
        {
            "model_name": "m",
            "litellm_params": {
                "model": "openai/m",
                "api_base": f"http://127.0.0.1:{port}/{location}/v1",
                "api_key": "k",
            },
        }
        for location in locations
    ]
    router = litellm.Router(model_list=deployments, **({"num_retries": int(retries)} if int(retries) >= 0 else {}))
    numbers, took, ok = iter(range(int(requests))), [], 0

    async def work() -> None:
        nonlocal ok
        for _ in numbers:
            begin = time.perf_counter()
            try:
                await router.acompletion(model="m", messages=[{"role": "user", "content": "x" * 200}])
                ok += 1
            except NO_CAPACITY:
                pass  # not answered; anything else would be a fault of this comparison, and ends it
            took.append(time.perf_counter() - begin)

    begin, cpu = time.perf_counter(), time.process_time()
    await asyncio.gather(*(work() for _ in range(int(workers))))
    wall, cpu = time.perf_counter() - begin, time.process_time() - cpu
    p99 = sorted(took)[int(0.99 * (len(took) - 1))]
    print(json.dumps({"ok": ok, "wall_s": wall, "p99_s": p99, "cpu_us": cpu / int(requests) * 1e6}))


asyncio.run(main())
