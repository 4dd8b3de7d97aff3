"""No two claims about the same thing hold on the same day, so that none can contradict another."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import date
from itertools import combinations
from typing import Any

from catalog.draft import Draft, Stated
from catalog.errors import Problem


def check(draft: Draft, today: date) -> Iterator[Problem]:
    alike: dict[tuple[Any, ...], list[Stated]] = defaultdict(list)
    for stated in draft.claims():
        for subject in _subjects(stated):
            alike[subject].append(stated)
    told = set()
    for subject, claims in alike.items():
        for one, other in combinations(claims, 2):
            pair = (one.entry.path, one.path, other.entry.path, other.path, one.entry.file)
            if one is not other and _overlap(one, other) and pair not in told:
                told.add(pair)
                since = max(one.claim.since, other.claim.since)
                about = " ".join(str(part) for part in subject[2:])
                yield other.problem(f"from {since} on another claim speaks of {about} too", "from")


def _subjects(stated: Stated) -> Iterator[tuple[Any, ...]]:
    """What a claim speaks of, one for each location."""
    claim = stated.claim
    for location in getattr(claim, "locations", ("",)):
        if stated.kind == "availability":
            yield from ((stated.model, stated.kind, location, mode) for mode in claim.modes)
        elif stated.kind == "processing":
            yield stated.model, stated.kind, location, *_if(claim.max_context_tokens, "up to")
        elif stated.kind == "capability":
            yield stated.model, stated.kind, location, claim.ability
        elif stated.kind == "throughput":
            yield stated.model, stated.kind, "throughput", *_if(claim.above_context_tokens, "above")
        else:
            yield stated.model, stated.kind, location, stated.kind


def _if(tokens: int | None, words: str) -> tuple[str, ...]:
    return () if tokens is None else (f"{words} {tokens:,} tokens",)


def _overlap(first: Stated, second: Stated) -> bool:
    one, other = first.claim, second.claim
    if not first.path and not second.path and one.since != other.since:
        return False  # of an overlay's own claims the later one supersedes the other
    return (one.until is None or other.since < one.until) and (other.until is None or one.since < other.until)
