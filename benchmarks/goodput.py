"""How much of the capacity that is there gets used, how many 429s that costs, and who waits for how long.

Everything happens in simulated time against places whose quotas the contestants do not know
(`simulation/places.py`). Each contestant meets the same places, arrivals and faults.
"""

from __future__ import annotations

import argparse
import csv
import statistics
import time
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import NamedTuple, get_args

from simulation.contestants import CONTESTANTS, OURS, Ours
from simulation.loop import Loop
from simulation.places import Fault, Place, Weather, places
from simulation.plot import line_chart
from simulation.world import PATIENCE_S, Client, Request, World, arrive, batch, open_loop

from router.capacity.recorder import read

ORACLE = "oracle"
WORKERS = 400


class Run(NamedTuple):
    """A contestant's run: its world afterwards, its length, and the CPU seconds that it took."""

    world: World
    length_s: float
    cpu_s: float

    @property
    def admitted(self) -> int:
        """Requests that were admitted."""
        return sum(len(place.admitted) for place in self.world.places)

    @property
    def waste(self) -> float:
        """429s for each request admitted."""
        return self.world.rejected / max(1, self.admitted)

    @property
    def served(self) -> float:
        """The share of requests that were answered in time."""
        return sum(each.ok for each in self.world.requests) / len(self.world.requests)

    def took_s(self, share: float) -> float:
        """How long this share of the answered requests took at most."""
        times = sorted((each.done_at or 0.0) - each.arrived for each in self.world.requests if each.ok)
        return times[int(share * (len(times) - 1))] if times else float("nan")

    def per_second(self) -> list[float]:
        """Admitted in each second, smoothed over five."""
        counts = Counter(int(at) for place in self.world.places for at in place.admitted)
        seconds = [counts[second] for second in range(int(self.length_s))]
        return [statistics.fmean(seconds[max(0, at - 4) : at + 1]) for at in range(len(seconds))]


def run(
    make: Callable[[World], Client],
    found: Sequence[Place],
    seed: int,
    load: Callable[[World, Client], None],
    length_s: float,
) -> Run:
    """Lets a contestant meet a load at these places, and checks that the world kept its own rules."""
    world = World(Loop(), found, seed)
    begin = time.process_time()
    load(world, make(world))
    took_s = time.process_time() - begin
    for place in found:
        windows = len(place.quota) / place.window_s + 1 if place.window_s else 1.0
        most = place.level(0.0) * windows if place.window_s else sum(place.quota) + max(place.quota) * place.burst_s + 1
        assert len(place.admitted) <= most or any(request.cost != 1.0 for request in world.requests), place.name
    assert sum(len(place.admitted) for place in found) >= sum(each.ok for each in world.requests)
    return Run(world, length_s, took_s)


def rows(title: str, runs: dict[str, list[Run]], *, open_load: bool) -> None:
    """Prints a table: means over the seeds, and the ratio to the oracle of the same seed."""
    print(f"\n{title}")
    heads = ("served", "p50 s", "p99 s", "p99/oracle") if open_load else ("goodput", "")
    print(f"  {'':24} {heads[0]:>8} {'429/ok':>7} " + " ".join(f"{head:>10}" for head in heads[1:]))
    for name, mine in runs.items():
        waste = statistics.fmean(each.waste for each in mine)
        if open_load:
            first = statistics.fmean(each.served for each in mine)
            p99 = statistics.fmean(each.took_s(0.99) for each in mine)
            ratio = statistics.fmean(a.took_s(0.99) / b.took_s(0.99) for a, b in zip(mine, runs[ORACLE], strict=True))
            p50 = statistics.fmean(each.took_s(0.5) for each in mine)
            rest = f"{p50:10.2f} {p99:10.2f} {ratio:10.2f}"
        else:
            first = statistics.fmean(a.admitted / b.admitted for a, b in zip(mine, runs[ORACLE], strict=True))
            rest = ""
        print(f"  {name:24} {first:8.3f} {waste:7.3f} {rest}")


def contest(
    names: Sequence[str],
    weather: Weather,
    seeds: Sequence[int],
    length_s: float,
    *,
    load: float = 0.0,
    scale: float = 1.0,
) -> dict[str, list[Run]]:
    """Every contestant in the same weather: a batch, or open load as a share of what there is."""
    runs: dict[str, list[Run]] = {name: [] for name in names}
    for seed in seeds:
        for name in names:  # by turns, so that what disturbs the machine disturbs all
            make = CONTESTANTS[name]
            if load and name == OURS:
                make = interactive
            found = places(weather, seed, length_s + 2 * PATIENCE_S, scale)

            def go(world: World, client: Client) -> None:
                if load:
                    open_loop(world, client, load * 100.0 * scale, length_s)
                else:
                    batch(world, client, max(60, int(WORKERS * scale)), length_s)

            runs[name].append(run(make, found, seed, go, length_s))
    return runs


def interactive(world: World) -> Client:
    """This library as it is set for people who wait: six attempts, half a minute."""
    return Ours(world, attempts=6, deadline_s=PATIENCE_S)


def recovery(names: Sequence[str], seeds: Sequence[int]) -> None:
    """Prints how long after an outage of a minute `global` is used again to 80 and 95 % of its quota."""
    print("\nafter an outage of 60 s of the largest place: seconds until it is used to 80 and 95 % of its quota")
    for name in names:
        found: list[tuple[float, float]] = []
        for seed in seeds:
            there = places("static", seed, 260.0)
            place = next(each for each in there if each.name == "global")
            place.faults.append(Fault("outage", 60.0, 120.0))
            run(CONTESTANTS[name], there, seed, lambda world, client: batch(world, client, WORKERS, 240.0), 240.0)
            found.append((back_s(place, 120.0, 0.8), back_s(place, 120.0, 0.95)))
        print(f"  {name:24} " + " ".join(f"{statistics.fmean(column):7.1f}" for column in zip(*found, strict=True)))


def back_s(place: Place, since: float, share: float, over_s: float = 3.0) -> float:
    """Seconds from a time until a place is used to a share of its quota, on average over some seconds."""
    for step in range(1200):
        at = since + step * 0.1
        used = sum(at <= each < at + over_s for each in place.admitted) / over_s
        if used >= share * place.rate(at):
            return at - since
    return float("inf")


def trace(file: Path, names: Sequence[str], load: float, seed: int = 1) -> None:
    """Prints a table for the arrivals and tokens of a recorded hour, sped up; quotas are in tokens."""
    with file.open(encoding="utf-8", newline="") as lines:
        read_rows = [
            (datetime.fromisoformat(row["TIMESTAMP"][:26]), int(row["ContextTokens"]), int(row["GeneratedTokens"]))
            for row in csv.DictReader(lines)
        ]
    start, mean = read_rows[0][0], statistics.fmean(c + g for _, c, g in read_rows)
    typical = statistics.fmean(g for _, _, g in read_rows)
    length_s = (read_rows[-1][0] - start).total_seconds()
    faster = load * 100.0 / (len(read_rows) / length_s)
    runs = {}
    for name in names:
        requests = []
        for number, (at, context, generated) in enumerate(read_rows):
            arrived = (at - start).total_seconds() / faster
            request = Request(number, arrived, arrived + PATIENCE_S, cost=(context + generated) / mean)
            request.tokens, request.used = int(context + typical), context + generated
            requests.append(request)
        make = CONTESTANTS[name]
        if name == OURS:
            make = lambda world: Ours(world, attempts=6, deadline_s=PATIENCE_S, in_tokens=True)  # noqa: E731
        found = places("static", seed, length_s / faster + 2 * PATIENCE_S)
        runs[name] = [run(make, found, seed, lambda world, client, r=requests: arrive(world, client, r), length_s)]
    rows(f"{file.name}: {len(read_rows)} requests, {faster:.1f} times as fast, {load:.0%} load", runs, open_load=True)


def replay(file: Path, names: Sequence[str], seed: int = 1) -> None:
    """Prints a table for the arrivals and costs of a recording of this library's `Recorder`."""
    sent = sorted(each for each in read(file) if each.outcome in ("ok", "200"))
    assert sent, f"{file} holds no answered request"
    start, length_s = sent[0].time_s, sent[-1].time_s - sent[0].time_s
    per_s = len(sent) / max(length_s, 1.0)
    runs = {}
    for name in names:
        requests = [
            Request(number, each.time_s - start, each.time_s - start + PATIENCE_S, cost=each.cost)
            for number, each in enumerate(sent)
        ]
        make = interactive if name == OURS else CONTESTANTS[name]
        found = places("moving", seed, length_s + 2 * PATIENCE_S, per_s / 90.0)
        runs[name] = [run(make, found, seed, lambda world, client, r=requests: arrive(world, client, r), length_s)]
    rows(f"{file.name}: {len(sent)} requests, {per_s:.1f}/s; places scaled to 90 % load", runs, open_load=True)


def main() -> None:
    """Prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--short", action="store_true", help="one seed, two kinds of weather, fewer contestants")
    parser.add_argument("--seeds", type=int, default=2, help="how many worlds to average over (default 2)")
    parser.add_argument("--length", type=float, default=600.0, help="simulated seconds of each run (default 600)")
    parser.add_argument("--trace", type=Path, help="an Azure LLM inference trace (CSV) to replay, and nothing else")
    parser.add_argument("--replay", type=Path, help="a recording of router.Recorder to replay, and nothing else")
    parser.add_argument("--plots", type=Path, help="a folder for SVG files")
    options = parser.parse_args()
    names = list(CONTESTANTS)
    if options.trace:
        for load in (0.6, 0.9):
            trace(options.trace, names, load)
        return
    if options.replay:
        replay(options.replay, names)
        return
    seeds, length_s = range(1, options.seeds + 1), options.length
    weathers: Sequence[Weather] = get_args(Weather)
    if options.short:
        names, seeds, length_s = [ORACLE, "cool-downs (litellm)", "AIMD per place", OURS], range(1, 2), 200.0
        weathers = ("moving", "faults")
    print(f"goodput: share of what a client gets that sees all quotas; means of {len(seeds)} seed(s), {length_s:.0f} s")
    for weather in weathers:
        runs = contest(names, weather, seeds, length_s)
        rows(f"batch, 100 requests/s over 12 places, {weather}", runs, open_load=False)
        assert all(each.world.rejected == 0 for each in runs[ORACLE]) or weather == "a fifth at random"
        if options.plots:
            lines = {name: each[0].per_second() for name, each in runs.items()}
            file = options.plots / f"batch-{weather.replace(' ', '-')}.svg"
            line_chart(file, f"Batch, {weather}: admitted", "seconds", "requests/s", lines)
    rows(
        "batch, 30 requests/s over 12 places, moving",
        contest(names, "moving", seeds, length_s, scale=0.3),
        open_load=False,
    )
    if not options.short:
        for load in (0.6, 0.9, 1.1):
            rows(f"open load, {load:.0%}, moving", contest(names, "moving", seeds, length_s, load=load), open_load=True)
        rows("open load, 90 %, faults", contest(names, "faults", seeds, length_s, load=0.9), open_load=True)
        for load in (0.3, 0.6):
            title = f"open load, {load:.0%}, a fifth at random"
            rows(title, contest(names, "a fifth at random", seeds, length_s, load=load), open_load=True)
    recovery(names, seeds)


if __name__ == "__main__":
    main()
