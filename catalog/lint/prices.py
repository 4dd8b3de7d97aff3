"""Prices can be reckoned with, are about what the catalog has, and are said once."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from catalog.draft import Draft
from catalog.errors import Problem


def check(draft: Draft, today: date) -> Iterator[Problem]:
    if draft.prices:
        from catalog.price_files import check as check_prices  # noqa: PLC0415 - routing reads no prices

        yield from check_prices(draft.prices, draft.catalog())
