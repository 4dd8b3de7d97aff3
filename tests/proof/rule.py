"""The rule of residency, stated once more: naively, from the TOML files alone.

This file imports nothing of `catalog` or `router`, on purpose. It reads the same files with another
reader and says what docs/policy.md and docs/catalog.md say, in as few steps as can be checked by eye.
Where it and the planner differ about any cell, one of them is wrong.
"""

from __future__ import annotations

import tomllib
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

DATA = Path(__file__).parents[2] / "catalog" / "data"

MODES = ("standard", "priority", "flex", "provisioned", "single_zone_provisioned", "batch")
GOOD_ENOUGH = {"low": {"low", "medium", "high"}, "medium": {"medium", "high"}, "high": {"high"}}


def entries(pattern: str, table: str) -> dict[str, dict[str, Any]]:
    """The entries of a table in the data files, by id, in their order."""
    rows = [row for file in sorted(DATA.glob(pattern)) for row in tomllib.loads(file.read_text("utf-8"))[table]]
    return {row["id"]: row for row in rows}


MODELS = entries("models/*.toml", "model")
LOCATIONS = entries("locations.toml", "location")
SETS = {name: frozenset(row["countries"]) for name, row in entries("jurisdictions.toml", "jurisdiction").items()}
REGIONS = [row["jurisdiction"] for row in LOCATIONS.values() if row["kind"] == "region"]
JURISDICTIONS = sorted({*SETS, *REGIONS, *frozenset().union(*SETS.values())})
"""Every named set of countries and every single country."""


class Cell(NamedTuple):
    """One question: may this policy's requests for the model go to this location?"""

    model: str
    location: str
    mode: str
    residency: str
    assurance: str
    confidence: str
    day: date
    tokens: int | None


def countries(name: str) -> frozenset[str]:
    """A named set of countries, or a country by itself."""
    return SETS.get(name, frozenset({name}))


def admitted(cell: Cell) -> bool:
    """Whether the location is admitted. Unknown is no."""
    if MODELS[cell.model].get("service", "aiplatform") != "aiplatform":  # another API's, on hosts of its own
        return False
    if not served(cell.model, cell.location, cell.mode, cell.confidence, cell.day):
        return False
    if not cell.residency:
        return True
    if cell.location == "global":
        return False
    home = stays(cell.model, cell.location, cell.confidence, cell.day, cell.tokens)
    within = countries(cell.residency)
    if cell.assurance == "processing":
        return home is not None and home <= within
    stands = countries(LOCATIONS[cell.location]["jurisdiction"])
    return stands <= within and (home is None or bool(home & within))


@cache
def served(model: str, location: str, mode: str, confidence: str, day: date) -> bool:
    """Whether all that is said of this model, here, in this mode, on this day, is yes; and something is."""
    end = MODELS[model].get("retirement", {})
    if end.get("confirmed") and "on" in end and end["on"] <= day:
        return False
    of_mode = [claim for claim in MODELS[model].get("availability", ()) if mode in claim["modes"]]
    of_here = [claim for claim in of_mode if location in claim["locations"]]
    of_the_rest = [claim for claim in of_mode if "*" in claim["locations"]]
    said = {claim["served"] for claim in of_here or of_the_rest if counts(claim, confidence, day)}
    return said == {"yes"}


@cache
def stays(model: str, location: str, confidence: str, day: date, tokens: int | None) -> frozenset[str] | None:
    """The countries in which processing is guaranteed to stay; None where nothing is guaranteed."""
    said = [
        claim["boundary"]
        for claim in MODELS[model].get("processing", ())
        if location in claim["locations"] and counts(claim, confidence, day) and fits(claim, tokens)
    ]
    if location == "global" or not said or "none" in said or "unknown" in said:
        return None
    homes = [countries(boundary) for boundary in said]
    if not all(one <= other or other <= one for one in homes for other in homes):
        return None
    return min(homes, key=len)


def counts(claim: dict[str, Any], confidence: str, day: date) -> bool:
    """Whether a claim is good enough evidence and speaks of the day: from its first one until before its last."""
    good = claim.get("confidence", "high") in GOOD_ENOUGH[confidence]
    return good and claim["from"] <= day and ("until" not in claim or day < claim["until"])


def fits(claim: dict[str, Any], tokens: int | None) -> bool:
    """Whether a claim covers a context of this size; of unknown size, only a claim without a limit does."""
    limit = claim.get("max_context_tokens")
    return limit is None or (tokens is not None and tokens <= limit)


def days(model: str) -> list[date]:
    """Every day on which something about a model begins or ends, and the day before each.

    Between two such days nothing changes, so they stand for all days there are.
    """
    rows = [*MODELS[model].get("availability", ()), *MODELS[model].get("processing", ())]
    turns = {row[key] for row in rows for key in ("from", "until") if key in row}
    turns |= {end["on"] for end in [MODELS[model].get("retirement", {})] if "on" in end}
    return sorted(turns | {day - timedelta(days=1) for day in turns})


def sizes(model: str) -> list[int | None]:
    """Unknown, and around every limit of context that a guarantee of this model has."""
    rows = MODELS[model].get("processing", ())
    limits = {row["max_context_tokens"] for row in rows if "max_context_tokens" in row}
    return [None, *sorted(limits), *sorted(limit + 1 for limit in limits)]
