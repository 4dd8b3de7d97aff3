"""litellm's Router over eight deployments beside the bare httpx that it stands on; runs in litellm's own environment.

    python litellm_overhead.py PORT ROUNDS CALLS

Prints JSON: two lists, microseconds of CPU for a bare call and for one through the Router, by turns.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable

import httpx
import litellm

litellm.suppress_debug_info = True
litellm.telemetry = False


async def main() -> None:
    port, rounds, calls = map(int, sys.argv[1:])
    base = f"http://127.0.0.1:{port}"
    deployments = [
        {
            "model_name": "m",
            "litellm_params": {"model": "openai/m", "api_base": f"{base}/place-{number}/v1", "api_key": "k"},
        }
        for number in range(8)
    ]
    router, messages = litellm.Router(model_list=deployments), [{"role": "user", "content": "x" * 500}]

    async with httpx.AsyncClient() as client:

        async def bare() -> None:
            answer = await client.post(f"{base}/place-0/v1/chat/completions", json={"model": "m", "messages": messages})
            assert answer.json()["choices"]

        async def routed() -> None:
            answer = await router.acompletion(model="m", messages=messages)
            assert answer.choices[0].message.content

        async def cpu_us(run: Callable[[], Awaitable[None]]) -> float:
            begin = time.process_time()
            for _ in range(calls):
                await run()
            return (time.process_time() - begin) / calls * 1e6

        for run in (bare, routed):
            await cpu_us(run)
        columns: tuple[list[float], list[float]] = ([], [])
        for _ in range(rounds):
            for column, run in zip(columns, (bare, routed), strict=True):
                column.append(await cpu_us(run))
    print(json.dumps(columns))


asyncio.run(main())
