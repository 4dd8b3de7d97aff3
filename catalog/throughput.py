"""How much provisioned throughput a load needs, and what it costs for each term.

Throughput is bought in units (GSU). A model says how many units of use a GSU gives in a second, and
how many of them one token (or character, image, ...) of each kind burns down.
(Source: prices-google-2025-12, section 'Débit provisionné', with the example that the tests repeat.)
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal
from fractions import Fraction
from math import ceil

import msgspec

from catalog.costs import Usage
from catalog.errors import CatalogError
from catalog.prices import load
from catalog.schema import Model, Throughput
from catalog.tariff import EXACT, Commitment

Quantity = int | Decimal | Fraction

_NAMED = {"video_with_audio": "video_audio"}


class UnknownThroughput(CatalogError):
    """Nothing says how much a GSU gives for this, or what it costs."""


class Need(msgspec.Struct, frozen=True):
    """How many GSUs a load needs.

    `per_second` is the load in units of use, burndown applied; `exact` the GSUs that would carry it,
    `gsus` what has to be bought: that, rounded up to what is sold.
    """

    per_second: Fraction
    exact: Fraction
    gsus: int


class Term(msgspec.Struct, frozen=True):
    """What GSUs cost if bought for a term: `usd` for each week or month of it, `total_usd` for all."""

    commitment: Commitment
    usd: Decimal
    total_usd: Decimal


def throughput_of(model: Model, on: date, context_tokens: int = 0) -> Throughput:
    """What a GSU of a model gives on a day, for requests with a context of this size.

    Raises:
        UnknownThroughput: no claim says it.
    """
    claims = [
        each for each in model.throughput if each.holds(on) and (each.above_context_tokens or -1) < context_tokens
    ]
    if not claims:
        raise UnknownThroughput(f"no claim says what a GSU of {model.id!r} gives on {on}")
    return max(claims, key=lambda each: (each.above_context_tokens or -1, each.since))


def gsus(throughput: Throughput, requests_per_second: Quantity, per_request: Mapping[str, Quantity]) -> Need:
    """How many GSUs carry a load.

    A minimum or an increment that no source gives is taken for one GSU, the least that can be bought.

    Args:
        per_request: how many tokens (characters, images, ...) of each kind one request uses, by the
            names of the throughput's `burndown`; `per_request` names a usage so.

    Raises:
        UnknownThroughput: the burndown of a kind is not known.
    """
    if unknown := sorted(per_request.keys() - throughput.burndown.keys()):
        kinds = ", ".join(sorted(throughput.burndown))
        raise UnknownThroughput(f"no burndown is known of {', '.join(unknown)}; known are {kinds}")
    burnt = sum(
        (Fraction(count) * Fraction(throughput.burndown[kind]) for kind, count in per_request.items()), Fraction()
    )
    load_per_second = burnt * Fraction(requests_per_second)
    exact = load_per_second / Fraction(throughput.per_second)
    return Need(load_per_second, exact, _sold(exact, throughput.minimum_gsu or 1, throughput.increment_gsu or 1))


def _sold(exact: Fraction, minimum: int, increment: int) -> int:
    """The least number of GSUs that is sold and suffices: the minimum, and whole increments on top of it."""
    return minimum + max(0, ceil((exact - minimum) / increment)) * increment


def per_request(throughput: Throughput, usage: Usage) -> dict[str, Quantity]:
    """A usage by the names of a throughput's `burndown`, for `gsus`.

    What has no burndown of its own keeps its full name, for `gsus` to refuse.
    """
    found: dict[str, Quantity] = {}
    for amount in usage.amounts:
        names = (f"{amount.use}_{_NAMED.get(amount.modality, amount.modality)}", amount.use)
        known = (name for name in names if name in throughput.burndown and amount.unit == throughput.unit)
        name = next(known, str(amount))
        found[name] = Fraction(found.get(name, 0)) + Fraction(amount.quantity)
    return found


def terms(gsus: int, publisher: str, on: date, commitments: Iterable[Commitment] | None = None) -> tuple[Term, ...]:
    """What GSUs cost by the price list, for each term that is sold on a day, the shortest first.

    Args:
        publisher: of the model, as in the catalog; the list is not known to hold for all.
        commitments: another price list than the shipped one.

    Raises:
        UnknownThroughput: no price is known for this publisher on this day.
    """
    listed = load().tariff.commitment if commitments is None else commitments
    holding = [each for each in listed if each.holds(on) and publisher not in each.not_for]
    if not holding:
        notes = sorted({each.note for each in listed if publisher in each.not_for and each.note})
        raise UnknownThroughput(
            f"no price of a GSU is known for {publisher!r} on {on}" + "".join(f"; {n}" for n in notes)
        )
    return tuple(_term(each, EXACT.multiply(each.usd, Decimal(gsus))) for each in holding)


def _term(commitment: Commitment, usd: Decimal) -> Term:
    return Term(commitment, usd, EXACT.multiply(usd, Decimal(commitment.periods)))
