"""What importing costs: CPU time and memory in fresh processes, by turns, beside httpx."""

from __future__ import annotations

import statistics
import subprocess
import sys

ROUNDS = 25
STATEMENTS = (
    "import httpx",
    "import router",
    "from router import Policy, Router",
    "import httpx; from router import Policy, Router",
)
# What no program should load that has not asked for it.
UNWANTED = ("anthropic", "openai", "google.genai", "google.auth", "requests", "yaml", "rich", "h11", "trustme")

PROGRAM = """
import resource, sys, time
held = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
begin = time.process_time()
{statement}
took_s = time.process_time() - begin
more = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - held
print(took_s, more, *(name for name in {unwanted!r} if name in sys.modules))
"""


def once(statement: str) -> tuple[float, float]:
    """Milliseconds and MiB for a statement in a fresh process."""
    program = PROGRAM.format(statement=statement, unwanted=UNWANTED)
    took_s, more_kib, *loaded = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    ).stdout.split()
    if "router" in statement and "httpx" not in statement:
        assert not loaded, f"{statement!r} loads {loaded}"
    return float(took_s) * 1000, float(more_kib) / 1024


def main() -> None:
    """Prints the table."""
    for statement in STATEMENTS:  # writes the bytecode caches
        once(statement)
    rounds: dict[str, list[tuple[float, float]]] = {statement: [] for statement in STATEMENTS}
    for _ in range(ROUNDS):
        for statement in STATEMENTS:
            rounds[statement].append(once(statement))
    base = rounds[STATEMENTS[0]]
    print(f"{'statement':52} {'median ms':>9} {'of httpx':>9} {'MiB':>6}")
    for statement, mine in rounds.items():
        ratio = statistics.median(one / other for (one, _), (other, _) in zip(mine, base, strict=True))
        times, sizes = zip(*mine, strict=True)
        print(f"{statement:52} {statistics.median(times):9.1f} {ratio:9.2f} {statistics.median(sizes):6.1f}")


if __name__ == "__main__":
    main()
