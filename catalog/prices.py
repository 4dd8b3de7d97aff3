"""What a call costs, from its usage, by dated and sourced prices.

Each amount is priced by the claim that speaks of its model, location, mode, size of context and day.
Where none does, a sourced rule may make the price from that of another endpoint or mode; a price that
was stated always comes first. What neither gives is unknown, and is an error that says what is known
instead: prices may steer a preference, and a guess would steer it wrongly. Money is exact.

Only what Google answers with HTTP 200 is billed, so an attempt that failed costs nothing
(Source: prices-google-2025-12, head of the page). Whether a model is served is not asked here.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import TypeVar

import msgspec

from catalog.costs import Amount, Cost, Count, Estimate, Line, UnknownPrice, Usage, total
from catalog.errors import UnknownModel
from catalog.loader import SHIPPED
from catalog.loader import load as load_catalog
from catalog.price_files import read_prices
from catalog.query import Catalog
from catalog.schema import Mode
from catalog.tariff import ANYWHERE, EXACT, Credit, Factor, Preference, Price, Range, Tariff

T = TypeVar("T", Price, Factor, Credit, Range)

_Way = tuple[Mode, tuple[str, ...], tuple[Factor, ...]]

_GLOBAL = ("global", ANYWHERE)
_MILLION = 1_000_000
_NEAR = 3


class Prices:
    """A price table, beside the catalog that knows the models and locations. Immutable; share it freely."""

    def __init__(self, tariff: Tariff, known: Catalog) -> None:
        self.tariff = tariff
        self.known = known
        self._prices = _by_model(tariff.price)
        self._factors = _by_model(tariff.factor)
        self._credits = _by_model(tariff.credit)
        self._ranges = _by_model(tariff.range)

    def of(self, model: str) -> tuple[Price, ...]:
        """Every price claim about a model, by any of its names; empty when there is none.

        Raises:
            UnknownModel: neither the catalog nor the price table has this name.
        """
        return _about(self._names(model), self._prices)

    def ranges(self, model: str) -> tuple[Range, ...]:
        """Every range of a model's dynamic price; empty when it has none.

        Raises:
            UnknownModel: neither the catalog nor the price table has this name.
        """
        return _about(self._names(model), self._ranges)

    def cost(self, usage: Usage, model: str, location: str, mode: Mode, on: date) -> Cost:
        """What a call costs.

        Args:
            location: the id of a location, or `multi_region` or `region` for any of that kind.
            on: the day of the call.

        Raises:
            UnknownPrice: of one or more amounts; says which, and what is known near them.
            UnknownModel, UnknownLocation: with the nearest ids.
        """
        asked = self._asked(model, location, mode, usage.context, on)
        found = [(amount, _line(amount, asked)) for amount in usage.amounts if amount.quantity]
        if missing := [amount for amount, line in found if line is None]:
            raise UnknownPrice(str(asked), missing, _near(missing[0], asked), self._hint(asked))
        lines = tuple(line for _, line in found if line)
        return Cost(model=model, location=location, mode=mode, on=on, lines=lines)

    def estimate(self, usage: Usage, model: str, preference: Preference, on: date) -> Estimate:
        """Between which sums a call lies whose price is dynamic (Model Optimizer).

        Raises:
            UnknownPrice: no range is known of the model on this day, or of something but text tokens.
            UnknownModel: with the nearest ids.
        """
        about = [each for each in self.ranges(model) if each.preference == preference]
        held = next((each for each in about if each.holds(on)), None)
        other = [each for each in usage.amounts if not _plain_text(each)]
        if held is None or other:
            raise UnknownPrice(f"{model!r} with preference {preference} on {on}", other or usage.amounts)
        low, high = (total(_worth(each, getattr(held, each.use)[end]) for each in usage.amounts) for end in (0, 1))
        return Estimate(low, high, held)

    def _asked(self, model: str, location: str, mode: Mode, context: Count | None, on: date) -> _Asked:
        names = self._names(model)
        return _Asked(
            model=model,
            places=self._places(location),
            mode=mode,
            context=context,
            on=on,
            prices=_about(names, self._prices),
            factors=_about(names, self._factors),
            credits=_about(names, self._credits),
        )

    def _names(self, model: str) -> tuple[str, ...]:
        try:
            found = self.known.model(model)
        except UnknownModel:
            if model in self._prices or model in self._ranges:
                return (model,)
            raise
        return tuple(dict.fromkeys((model, found.id, *found.aliases)))

    def _places(self, location: str) -> tuple[str, ...]:
        """What stands for a location in the table, nearest first."""
        if location in ("multi_region", "region"):
            return (location, ANYWHERE)
        return tuple(dict.fromkeys((location, self.known.location(location).kind, ANYWHERE)))

    def _hint(self, asked: _Asked) -> str:
        if asked.mode in ("provisioned", "single_zone_provisioned"):
            return "a call on provisioned throughput is paid for by its commitment (catalog.throughput)"
        if _about(self._names(asked.model), self._ranges):
            return "its price is dynamic; `estimate` gives the range"
        if asked.context is None and any(price.tiered for price in asked.prices):
            return "the price depends on the size of the context; give context_tokens"
        return ""


def load(directory: str | Path | None = None, known: Catalog | None = None) -> Prices:
    """The prices of a catalog's directory; without one, those shipped with the package.

    They are read on the first call, once per process for the shipped ones.

    Args:
        known: the catalog that knows the models and locations; the shipped one by default.

    Raises:
        InvalidCatalog: the prices do not validate; the error lists every problem found.
    """
    if directory is None and known is None:
        return _shipped()
    tariff = _shipped().tariff if directory is None else read_prices(Path(directory))
    return Prices(tariff, known or load_catalog())


@functools.cache
def _shipped() -> Prices:
    return Prices(read_prices(SHIPPED), load_catalog())


def cost(usage: Usage, model: str, location: str, mode: Mode, on: date) -> Cost:
    """What a call costs by the shipped prices; see `Prices.cost`."""
    return load().cost(usage, model, location, mode, on)


class _Asked(msgspec.Struct, frozen=True, kw_only=True):
    """A question, with all that is claimed about its model; `places` are what stands for the location."""

    model: str
    places: tuple[str, ...]
    mode: Mode
    context: Count | None
    on: date
    prices: tuple[Price, ...]
    factors: tuple[Factor, ...]
    credits: tuple[Credit, ...]

    def __str__(self) -> str:
        return f"{self.model!r} at {self.places[0]} in {self.mode} mode on {self.on}"

    def allows(self, price: Price) -> bool:
        """Whether a price holds on the day, for the size of the context."""
        sized = not price.tiered or (self.context is not None and price.covers(self.context))
        return sized and price.holds(self.on)


def _line(amount: Amount, asked: _Asked) -> Line | None:
    for mode, places, factors in _ways(amount, asked):
        for price, usd in _rated(amount, mode, places, asked):
            return _worked_out(amount, asked, price, usd, factors)
    return None


def _ways(amount: Amount, asked: _Asked) -> Iterator[_Way]:
    """Where a price may stand, best first, and the rules that lead from there to what was asked."""
    yield asked.mode, asked.places, ()
    rules = [rule for rule in asked.factors if amount.use in rule.uses and rule.holds(asked.on)]
    premium = tuple(rule for rule in rules if set(rule.locations) & set(asked.places))[:1]
    discount = tuple(rule for rule in rules if asked.mode in rule.modes)[:1]
    if premium:
        yield asked.mode, _GLOBAL, premium
    if discount:
        yield "standard", asked.places, discount
    if premium and discount:
        yield "standard", _GLOBAL, premium + discount


def _rated(amount: Amount, mode: Mode, places: Iterable[str], asked: _Asked) -> Iterator[tuple[Price, Decimal]]:
    """The claims that price an amount, with the rate: of the nearest place first, the latest first."""
    claims = [each for each in asked.prices if mode in each.modes and each.unit == amount.unit and asked.allows(each)]
    for place in places:
        here = [each for each in claims if place in each.locations]
        for price in sorted(here, key=lambda each: each.since, reverse=True):
            usd = price.rate(amount.use, amount.modality)
            if usd is not None:
                yield price, usd


def _worked_out(amount: Amount, asked: _Asked, price: Price, usd: Decimal, factors: tuple[Factor, ...]) -> Line:
    for factor in factors:
        usd = EXACT.multiply(usd, factor.times)
    list_usd = _worth(amount, usd, price.per)
    credit = next((each for each in asked.credits if _credits(each, amount, asked)), None)
    return Line(
        amount=amount,
        usd=usd,
        per=price.per,
        list_usd=list_usd,
        credit_usd=EXACT.multiply(list_usd, credit.share) if credit else Decimal(),
        price=price,
        factors=factors,
        credit=credit,
    )


def _credits(credit: Credit, amount: Amount, asked: _Asked) -> bool:
    return asked.mode in credit.modes and amount.use in credit.uses and credit.holds(asked.on)


def _worth(amount: Amount, usd: Decimal, per: int = _MILLION) -> Decimal:
    return EXACT.multiply(amount.quantity, EXACT.divide(usd, per))


def _plain_text(amount: Amount) -> bool:
    return amount.use in ("input", "output") and (amount.modality, amount.unit) == ("text", "token")


def _near(missing: Amount, asked: _Asked) -> tuple[str, ...]:
    """In words, the prices that come nearest to an amount that has none."""
    claims = [each for each in asked.prices if getattr(each, missing.use)]
    claims.sort(key=lambda each: _likeness(each, missing, asked), reverse=True)
    return tuple(each.quote(missing.use) for each in claims[:_NEAR])


def _likeness(price: Price, amount: Amount, asked: _Asked) -> tuple[int, int]:
    """How near a price comes to a question: first what is counted, when and for which size, then where and how."""
    same = (price.rate(amount.use, amount.modality) is not None, amount.unit == price.unit, asked.allows(price))
    alike = (asked.mode in price.modes, bool({*price.locations} & {*asked.places}))
    return sum(same), sum(alike)


def _by_model(claims: Sequence[T]) -> dict[str, list[T]]:
    found: dict[str, list[T]] = {}
    for claim in claims:
        for name in claim.models:
            found.setdefault(name, []).append(claim)
    return found


def _about(names: Iterable[str], claims: Mapping[str, list[T]]) -> tuple[T, ...]:
    """The claims about any of these names, each once."""
    return tuple({id(claim): claim for name in names for claim in claims.get(name, ())}.values())
