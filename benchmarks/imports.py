"""What a start costs: CPU time and memory in fresh processes, by turns, beside httpx.

The processes have a bytecode cache of their own, as an installed package has, whatever this machine is set to;
without one everything here is compiled anew, which doubles it.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile

ROUNDS = 25
BASE = "import httpx"
NAMES = "from router import Policy, Router"
PLAN = f"{NAMES}; Router(Policy(residency='eu')).explain('gemini-2.5-flash')"
ANSWER = f"""import httpx
{NAMES}
backend = httpx.MockTransport(lambda request: httpx.Response(200, json={{}}))
client = httpx.Client(transport=Router(Policy(residency='eu')).transport(transport=backend))
url = 'https://us-central1-aiplatform.googleapis.com/v1/projects/p/locations/us-central1/publishers/google/models/'
assert client.post(url + 'gemini-2.5-flash:generateContent', json={{}}).is_success"""
COMMAND = """import sys
from router.cli.main import main
try:
    main({arguments})
except SystemExit:
    pass"""
STATEMENTS = {
    BASE: BASE,
    "import router": "import router",
    NAMES: NAMES,
    "... and a first plan": PLAN,
    "... and a first answer, through httpx": ANSWER,
    "vertex-router --help": COMMAND.format(arguments=["--help"]),
    "vertex-router explain": COMMAND.format(arguments=["explain", "gemini-2.5-flash", "--residency", "eu"]),
}
# What no program should load that has not asked for it.
UNWANTED = ("anthropic", "openai", "google.genai", "google.auth", "requests", "yaml", "h11", "trustme")

PROGRAM = """
import sys, time
def peak():  # of this program; what `resource` tells begins at the size of the process that started it
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmHWM:"))
held = peak()
begin = time.process_time()
{statement}
took_s = time.process_time() - begin
print(took_s, peak() - held, *(name for name in {unwanted!r} if name in sys.modules), file=sys.stderr)
"""


def once(statement: str, environment: dict[str, str]) -> tuple[float, float]:
    """Milliseconds and MiB for a statement in a fresh process."""
    program = PROGRAM.format(statement=statement, unwanted=UNWANTED)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, env=environment)
    took_s, more_kib, *loaded = done.stderr.split()
    assert not loaded, f"{statement!r} loads {loaded}"
    return float(took_s) * 1000, float(more_kib) / 1024


def measured(environment: dict[str, str]) -> dict[str, list[tuple[float, float]]]:
    """What each statement cost in each round."""
    rounds: dict[str, list[tuple[float, float]]] = {name: [] for name in STATEMENTS}
    for number in range(ROUNDS + 1):
        for name, statement in STATEMENTS.items():
            cost = once(statement, environment)
            if number:  # before that they fill the cache
                rounds[name].append(cost)
    return rounds


def main() -> None:
    """Prints the table."""
    with tempfile.TemporaryDirectory() as cache:
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        rounds = measured(environment | {"PYTHONPYCACHEPREFIX": cache})
    print(f"{'start':40} {'median ms':>9} {'of httpx':>9} {'MiB':>6}")
    for name, mine in rounds.items():
        ratio = statistics.median(one / other for (one, _), (other, _) in zip(mine, rounds[BASE], strict=True))
        times, sizes = zip(*mine, strict=True)
        print(f"{name:40} {statistics.median(times):9.1f} {ratio:9.2f} {statistics.median(sizes):6.1f}")


if __name__ == "__main__":
    main()
