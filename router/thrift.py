"""What the candidates of a plan cost beside each other: for policies that prefer by cost.

Only they load prices. A price says what to try first, and never whether it may be tried.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from catalog import prices
from catalog.costs import Amount, Usage
from catalog.errors import CatalogError
from catalog.query import Catalog
from catalog.tariff import Use
from router.modes import BOUGHT
from router.plan import Candidate

UNKNOWN = Decimal("Infinity")
"""More than any price: what is not known to be cheaper is tried later."""


_USES: tuple[Use, ...] = ("input", "output")
_TOKENS = 1_000


class Thrift:
    """Compares candidates by the shipped prices. Safe to share between threads."""

    def __init__(self, catalog: Catalog) -> None:
        self._prices = prices.load(known=catalog)

    def usd(self, candidate: Candidate, on: date) -> Decimal:
        """What a thousand tokens of text in, and out, cost with a candidate, less credits; or `UNKNOWN`.

        Zero on a reservation, which is paid for whether it is used or not. What else a call may use need
        not be known: prices of one model rise and fall together from location to location.
        """
        if candidate.mode in BOUGHT:
            return Decimal()
        try:
            usage = self._measure(candidate.model)
            cost = self._prices.cost(usage, candidate.model, candidate.location, candidate.mode, on)
        except CatalogError:
            return UNKNOWN
        return cost.net_usd if cost.lines else UNKNOWN

    def _measure(self, model: str) -> Usage:
        """Tokens of text, in and out, as far as the model has prices for them at all."""
        claims = [each for each in self._prices.of(model) if each.unit == "token"]
        priced = [use for use in _USES if any(each.rate(use, "text") is not None for each in claims)]
        return Usage(tuple(Amount(use, _TOKENS) for use in priced), _TOKENS)
