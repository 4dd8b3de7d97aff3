"""What a batch would take and cost: asked row by row, and as a batch prediction job of the service's own."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

import msgspec

from catalog.costs import UnknownPrice, Usage
from catalog.errors import CatalogError
from catalog.prices import Prices
from catalog.query import Catalog
from catalog.schema import Mode
from router.batch.conventions import Asked, read
from router.batch.requests import Poisoned
from router.batch.settings import Settings
from router.batch.source import Source
from router.plan import Plan

SAMPLE = 1000
"""Rows that are looked into; the others are taken to be like them."""

BYTES_A_TOKEN = 4
"""A rule of thumb for text in Latin letters; no tokenizer is asked."""

_LIMITS = ("max_tokens", "max_completion_tokens", "maxOutputTokens")

Plans = Callable[[Mode, str], Plan]
"""Gives the plan for a mode and a model."""


class Way(msgspec.Struct, frozen=True, kw_only=True):
    """One way to have the rows for a model answered: where it may be, and what it costs.

    `usd` is what it costs at the first of the locations, `most_usd` at the dearest; None when that is not
    known. `refused` says why it can't be done at all.
    """

    locations: tuple[str, ...] = ()
    usd: Decimal | None = None
    most_usd: Decimal | None = None
    refused: str = ""


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """The rows for one model: how many, how many tokens, and both ways."""

    model: str
    rows: int
    input_tokens: int
    output_tokens: int
    online: Way
    job: Way


class Forecast(msgspec.Struct, frozen=True, kw_only=True):
    """Both ways, for each model, and on which figures they rest.

    `poisoned` is about how many rows can't be asked; `seconds` how long row by row takes, None when no
    rate was measured.
    """

    rows: int
    poisoned: int
    basis: str
    parts: tuple[Part, ...]
    seconds: float | None = None

    @property
    def advice(self) -> str:
        """Which way, in a sentence."""
        online, job = ([getattr(part, way) for part in self.parts] for way in ("online", "job"))
        if not self.parts:
            return "no row can be asked"
        if refused := [part.model for part in self.parts if part.job.refused]:
            of = "" if len(refused) == len(self.parts) else f" for {', '.join(refused)}"
            return f"ask row by row: a batch prediction job is not possible{of}"
        if any(way.refused for way in online):
            return "a batch prediction job: asking row by row is not possible"
        saved = _sum(way.usd for way in online), _sum(way.usd for way in job)
        if saved[0] is None or saved[1] is None:
            return "a batch prediction job, if there is no hurry; the prices of both ways are not known"
        if saved[0] <= saved[1]:
            return "ask row by row: a batch prediction job would not be cheaper"
        return f"a batch prediction job, if there is no hurry: it saves {saved[0] - saved[1]:.2f} USD; else row by row"

    def as_dict(self) -> dict[str, Any]:
        """The forecast as plain data."""
        return {**msgspec.to_builtins(self), "advice": self.advice}


class _Sample:
    """What the rows that were looked into ask for, by model: rows, bytes, and tokens of their answers."""

    def __init__(self) -> None:
        self.seen = self.poisoned = 0
        self.models: dict[str, tuple[int, int, int]] = {}

    def add(self, asked: Asked, answer: int) -> None:
        rows, size, tokens = self.models.get(asked.model, (0, 0, 0))
        self.models[asked.model] = (rows + 1, size + len(asked.body), tokens + answer)


def forecast(
    source: Source,
    catalog: Catalog,
    settings: Settings,
    plans: Plans,
    prices: Prices,
    today: date,
    *,
    expected_output: int | None = None,
    rate: float | None = None,
) -> Forecast:
    """What a batch would take and cost.

    Args:
        plans: where a model may be asked in a mode.
        expected_output: tokens of an answer; by default the limit that its row names, or that of the settings.
        rate: rows per second that were measured; None when nothing was.
    """
    rows, sample = 0, _Sample()
    for _, line in source:
        rows += 1
        if sample.seen == SAMPLE:
            continue
        sample.seen += 1
        try:
            asked = read(line, catalog, settings)
        except Poisoned:
            sample.poisoned += 1
        else:
            sample.add(asked, expected_output or _limit(asked.body) or settings.max_tokens)
    scale = Decimal(rows) / (sample.seen or 1)
    answers = f"of {expected_output:,} tokens" if expected_output else "as long as their rows allow"
    return Forecast(
        rows=rows,
        poisoned=round(sample.poisoned * scale),
        basis=f"{sample.seen:,} looked into; {BYTES_A_TOKEN} bytes are taken for a token, answers to be {answers}",
        parts=tuple(_part(model, counts, scale, plans, prices, today) for model, counts in sample.models.items()),
        seconds=rows / rate if rate else None,
    )


def _part(model: str, counts: tuple[int, int, int], scale: Decimal, plans: Plans, prices: Prices, today: date) -> Part:
    rows, size, output = (round(each * scale) for each in counts)
    sent = size // BYTES_A_TOKEN
    usage = Usage.tokens(input=sent, output=output, context_tokens=sent // max(1, rows))

    def way(mode: Mode) -> Way:
        return _way(usage, plans(mode, model), prices, today)

    return Part(
        model=model, rows=rows, input_tokens=sent, output_tokens=output, online=way("standard"), job=way("batch")
    )


def _way(usage: Usage, plan: Plan, prices: Prices, today: date) -> Way:
    if not plan.allowed:
        why = "; ".join(dict.fromkeys(each.reason for each in plan.refused))
        return Way(refused=f"no location is allowed for it: {why}")
    costs = [_cost(usage, *each, prices, today) for each in plan.candidates]
    known = [usd for usd in costs if usd is not None]
    places = tuple(dict.fromkeys(each.location for each in plan.candidates))
    return Way(locations=places, usd=costs[0], most_usd=max(known) if len(known) == len(costs) else None)


def _cost(usage: Usage, model: str, location: str, mode: Mode, prices: Prices, today: date) -> Decimal | None:
    try:
        return prices.cost(usage, model, location, mode, today).list_usd
    except (UnknownPrice, CatalogError):
        return None


def _sum(sums: Any) -> Decimal | None:
    known = list(sums)
    return None if None in known else sum(known, Decimal())


def _limit(body: bytes) -> int | None:
    """The tokens that a request allows its answer."""
    data = msgspec.json.decode(body)
    for part in (data, data.get("generationConfig")):
        for name in _LIMITS:
            if isinstance(part, dict) and isinstance(found := part.get(name), int) and found > 0:
                return found
    return None
