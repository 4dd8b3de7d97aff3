"""What importing costs: wall time in fresh processes, by turns, beside httpx."""

from __future__ import annotations

import statistics
import subprocess
import sys

ROUNDS = 15
STATEMENTS = (
    "import httpx",
    "import router",
    "from router import Policy, Router",
    "import httpx; from router import Policy, Router",
)
# What no program should load that has not asked for it.
UNWANTED = ("anthropic", "openai", "google.genai", "google.auth", "requests", "yaml", "rich", "h11", "trustme")

PROGRAM = """
import sys, time
begin = time.perf_counter()
{statement}
took_s = time.perf_counter() - begin
print(took_s, *(name for name in {unwanted!r} if name in sys.modules))
"""


def once(statement: str) -> float:
    """Milliseconds for a statement in a fresh process."""
    program = PROGRAM.format(statement=statement, unwanted=UNWANTED)
    took_s, *loaded = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    ).stdout.split()
    if "router" in statement and "httpx" not in statement:
        assert not loaded, f"{statement!r} loads {loaded}"
    return float(took_s) * 1000


def main() -> None:
    """Prints the table."""
    for statement in STATEMENTS:  # writes the bytecode caches
        once(statement)
    times: dict[str, list[float]] = {statement: [] for statement in STATEMENTS}
    for _ in range(ROUNDS):
        for statement in STATEMENTS:
            times[statement].append(once(statement))
    base = times[STATEMENTS[0]]
    print(f"{'statement':52} {'median ms':>9} {'of httpx':>9}")
    for statement, mine in times.items():
        ratio = statistics.median(one / other for one, other in zip(mine, base, strict=True))
        print(f"{statement:52} {statistics.median(mine):9.1f} {ratio:9.2f}")


if __name__ == "__main__":
    main()
