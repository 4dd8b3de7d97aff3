"""The price list of a model: what each use costs, by way of buying capacity, location and size of context.

Each rate is what the calculator answers for one unit, so that the list can't say anything else than a
cost does: what a rule makes of a stated price is in it, and what is unknown is not.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from decimal import Decimal

import msgspec

from catalog.costs import Amount, Line, UnknownPrice, Usage
from catalog.prices import Prices
from catalog.schema import KINDS, MODES, Mode
from catalog.tariff import ANYWHERE, MODALITIES, USES, Modality, Price, Unit, Use

Span = tuple[int, int | None]

_ANY: Span = (0, None)


class Rate(msgspec.Struct, frozen=True, kw_only=True):
    """What one use costs: `usd` for `per` units, at `locations`, which are ids or kinds of them.

    It holds for contexts of `context` tokens, both ends included; `modalities` is empty where all cost the
    same. `line` is the calculator's answer for
    one unit, with its evidence.
    """

    mode: Mode
    locations: tuple[str, ...]
    context: Span
    use: Use
    modalities: tuple[Modality, ...]
    unit: Unit
    line: Line

    @property
    def usd(self) -> Decimal:
        """USD for `per` units."""
        return self.line.usd

    @property
    def per(self) -> int:
        """For how many units."""
        return self.line.per

    @property
    def says(self) -> tuple[object, ...]:
        """All but where, and on whose word."""
        credit = self.line.credit.share if self.line.credit else None
        return self.context, self.use, self.modalities, self.unit, self.usd, self.per, credit


def rates(
    prices: Prices, model: str, on: date, locations: Sequence[str] = (), modes: Sequence[Mode] = MODES
) -> tuple[Rate, ...]:
    """Every rate of a model on a day; empty when no price is known.

    Args:
        locations: ids of locations or kinds of them; by default each kind, and the locations that have
            prices of their own.

    Raises:
        UnknownModel, UnknownLocation: with the nearest ids.
    """
    claims = [claim for claim in prices.of(model) if claim.holds(on)]
    places = locations or _places(prices, claims)
    found: list[Rate] = []
    for mode in modes:
        by_place = {place: tuple(_rates(prices, claims, model, place, mode, on)) for place in places}
        for alike in _alike(prices, by_place):
            first = by_place[alike[0]]
            found += [msgspec.structs.replace(each, locations=alike) for each in first]
    return tuple(found)


def _places(prices: Prices, claims: Iterable[Price]) -> tuple[str, ...]:
    named = {place for claim in claims for place in claim.locations} - {ANYWHERE, *KINDS}
    return (*KINDS, *(place for place in prices.known.locations if place in named - {"global"}))


def _alike(prices: Prices, by_place: dict[str, tuple[Rate, ...]]) -> Iterator[tuple[str, ...]]:
    """Places at which all costs the same; one that costs what its kind does goes without saying."""
    groups: dict[tuple[object, ...], list[str]] = {}
    for place, found in by_place.items():
        if found:
            groups.setdefault(tuple(each.says for each in found), []).append(place)
    for places in groups.values():
        kinds = {place for place in places if place in KINDS}
        yield tuple(place for place in places if place in kinds or prices.known.location(place).kind not in kinds)


def _rates(prices: Prices, claims: Sequence[Price], model: str, place: str, mode: Mode, on: date) -> Iterator[Rate]:
    things = dict.fromkeys((use, claim.unit) for claim in claims for use in claim.rates())
    for use, unit in sorted(things, key=lambda thing: USES.index(thing[0])):
        about = [claim for claim in claims if claim.unit == unit and getattr(claim, use)]
        answers: dict[tuple[object, ...], list[Rate]] = {}
        for span in sorted({claim.span for claim in about}, key=lambda each: (each[0], each[1] or 0)):
            for modality in _modalities(about, use):
                asked = Usage((Amount(use, 1, modality or "text", unit),), span[0])
                try:
                    (line,) = prices.cost(asked, model, place, mode, on).lines
                except UnknownPrice:
                    continue
                rate = Rate(
                    mode=mode,
                    locations=(place,),
                    context=span if line.price.tiered else _ANY,
                    use=use,
                    modalities=(modality,) if modality else (),
                    unit=unit,
                    line=line,
                )
                answers.setdefault((rate.context, line.usd, line.per, line.credit), []).append(rate)
        for same in answers.values():
            modalities = dict.fromkeys(modality for each in same for modality in each.modalities)
            yield msgspec.structs.replace(same[0], modalities=tuple(modalities))


def _modalities(claims: Iterable[Price], use: Use) -> tuple[Modality | None, ...]:
    """The modalities that are priced; None alone where all cost the same."""
    named = {name for claim in claims for key in getattr(claim, use) for name in key.split("+")}
    return tuple(each for each in MODALITIES if each in named) or (None,)
