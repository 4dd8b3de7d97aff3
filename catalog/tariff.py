"""The values of the price table, field for field as they stand in `catalog/data/prices/*.toml`.

Every price is a claim: dated, with its source and the place in it. What two sources say differently
is decided in the data, and the figure that lost stands in the claim's `conflict`. Amounts are USD,
written as strings so that they stay exact.
"""

from __future__ import annotations

from decimal import Context, Decimal, DivisionByZero, Inexact, InvalidOperation, Overflow
from typing import Literal, get_args

import msgspec

from catalog.schema import Claim, Mode

Use = Literal[
    "input",
    "output",
    "cache_read",
    "cache_write_5m",
    "cache_write_1h",
    "cache_storage",
    "training",
    "upscale",
    "google_search",
    "enterprise_web",
    "google_maps",
    "own_data",
    "web_search",
]
Unit = Literal[
    "token",
    "character",
    "image",
    "second",
    "page",
    "query",
    "grounded_prompt",
    "request",
    "search",
    "token_hour",
]
Modality = Literal[
    "text",
    "image",
    "video",
    "audio",
    "document",
    "music",
    "video_with_audio",
    "video_essential",
    "video_standard",
    "video_plus",
]
Preference = Literal["cost", "balanced", "quality"]

EXACT = Context(prec=100, traps=[DivisionByZero, Inexact, InvalidOperation, Overflow])
"""Reckons with money: a sum that could not be exact is an error, whatever the program's own context is."""

USES: tuple[Use, ...] = get_args(Use)
MODALITIES: tuple[Modality, ...] = get_args(Modality)
UNITS: tuple[Unit, ...] = get_args(Unit)

ANY_MODALITY = "any"
"""The key of a rate that is the same whatever is counted."""

ANYWHERE = "*"
"""In `locations`: one price for every location."""

Rates = dict[str, Decimal]
"""USD by modality; a key may join several that cost the same: `text+image`."""


class Price(Claim, frozen=True, kw_only=True):
    """What the uses of models cost, at locations, in modes, for contexts of a size.

    `locations` holds ids of locations, kinds of them (`multi_region`, `region`), or `*`. Each rate is
    USD for `per` units. Of the four bounds of the context `max` and `min` belong to it, `below` and
    `above` do not, as each vendor prints them. `conflict` says what another source has and why it
    lost; `free` what is not billed, of which a single call can't know whether it is used up.
    """

    models: tuple[str, ...]
    locations: tuple[str, ...]
    modes: tuple[Mode, ...] = ("standard",)
    max_context_tokens: int | None = None
    below_context_tokens: int | None = None
    above_context_tokens: int | None = None
    min_context_tokens: int | None = None
    unit: Unit = "token"
    per: int = 1_000_000
    input: Rates | None = None
    output: Rates | None = None
    cache_read: Rates | None = None
    cache_write_5m: Rates | None = None
    cache_write_1h: Rates | None = None
    cache_storage: Rates | None = None
    training: Rates | None = None
    upscale: Rates | None = None
    google_search: Rates | None = None
    enterprise_web: Rates | None = None
    google_maps: Rates | None = None
    own_data: Rates | None = None
    web_search: Rates | None = None
    conflict: str = ""
    free: str = ""

    def rates(self) -> dict[Use, Rates]:
        """The rates by use; uses without a price are left out."""
        return {use: found for use in USES if (found := getattr(self, use))}

    def rate(self, use: Use, modality: str) -> Decimal | None:
        """USD for `per` units of this use, or None when this claim does not price it."""
        rates: Rates = getattr(self, use) or {}
        return next((usd for key, usd in rates.items() if key == ANY_MODALITY or modality in key.split("+")), None)

    def quote(self, use: Use) -> str:
        """In words, what a use costs, where, for which contexts and when."""
        rates: Rates = getattr(self, use) or {}
        costs = ", ".join(f"{usd} USD per {self.per:,} {self.unit} of {key}" for key, usd in rates.items())
        first, last = self.span
        size = f", contexts of {first:,} to {f'{last:,}' if last else 'any number of'} tokens" if self.tiered else ""
        days = f"from {self.since}" + (f" until {self.until}" if self.until else "")
        places, modes = ", ".join(self.locations), ", ".join(self.modes)
        return f"{use}: {costs} at {places} in {modes} mode{size}, {days} ({self.source})"

    @property
    def tiered(self) -> bool:
        """Whether it holds for some sizes of the context only."""
        return self.span != (0, None)

    @property
    def span(self) -> tuple[int, int | None]:
        """The sizes of context for which it holds, both included; None is no upper end."""
        above, below = self.above_context_tokens, self.below_context_tokens
        first = above + 1 if above is not None else self.min_context_tokens or 0
        return first, below - 1 if below is not None else self.max_context_tokens

    def covers(self, context_tokens: int | Decimal) -> bool:
        """Whether it holds for a context of this size."""
        first, last = self.span
        return first <= context_tokens and (last is None or context_tokens <= last)


class Factor(Claim, frozen=True, kw_only=True):
    """A rule for prices that no claim states: `times` the price at global, or of standard mode.

    With `locations` it is about them, against `global`; with `modes` about them, against `standard`.
    """

    models: tuple[str, ...]
    locations: tuple[str, ...] = ()
    modes: tuple[Mode, ...] = ()
    uses: tuple[Use, ...]
    times: Decimal


class Credit(Claim, frozen=True, kw_only=True):
    """A share of the list price that comes back as credits, until a day."""

    models: tuple[str, ...]
    modes: tuple[Mode, ...]
    uses: tuple[Use, ...]
    share: Decimal


class Range(Claim, frozen=True, kw_only=True):
    """Between which averages a dynamic price lies: USD for 1,000,000 tokens of text, low and high."""

    models: tuple[str, ...]
    preference: Preference
    input: tuple[Decimal, Decimal]
    output: tuple[Decimal, Decimal]


class Commitment(Claim, frozen=True, kw_only=True):
    """What a unit of provisioned throughput (GSU) costs for each of the `periods` of a term, in USD."""

    term: str
    period: Literal["week", "month"]
    periods: int
    usd: Decimal
    not_for: tuple[str, ...] = ()


class Tariff(msgspec.Struct, frozen=True, kw_only=True):
    """All prices of a directory."""

    price: tuple[Price, ...] = ()
    factor: tuple[Factor, ...] = ()
    credit: tuple[Credit, ...] = ()
    range: tuple[Range, ...] = ()
    commitment: tuple[Commitment, ...] = ()
