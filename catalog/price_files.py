"""Reads `prices/*.toml` of a catalog's directory, and says what is wrong there.

`read_prices` refuses what it can't understand. `check` is for who writes prices: it looks at them beside
their catalog too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal, Inexact
from pathlib import Path
from typing import Any

import tomli

from catalog.entries import Entry, read
from catalog.errors import InvalidCatalog, Problem, UnknownModel, nearest
from catalog.query import Catalog
from catalog.schema import KINDS
from catalog.tariff import (
    ANY_MODALITY,
    ANYWHERE,
    EXACT,
    MODALITIES,
    USES,
    Commitment,
    Credit,
    Factor,
    Price,
    Range,
    Rates,
    Tariff,
)

_TABLES = {"price": Price, "factor": Factor, "credit": Credit, "range": Range, "commitment": Commitment}
_AMOUNTS = ("times", "share", "usd")

Found = Mapping[str, list[Entry[Any]]]


def read_prices(directory: Path) -> Tariff:
    """The prices of a catalog's directory.

    Raises:
        InvalidCatalog: with everything that was found wrong, each with file, line, entry and field.
    """
    problems: list[Problem] = []
    found = price_entries(directory, problems)
    problems += [problem for entry in _all(found) for problem in _wrong(entry)]
    if problems:
        raise InvalidCatalog(problems)
    return Tariff(**{table: tuple(entry.value for entry in entries) for table, entries in found.items()})


def check(found: Found, known: Catalog) -> Iterator[Problem]:
    """What is wrong with entries of prices, also beside their catalog.

    Beyond what `read_prices` refuses: amounts that are not in quotes, models and locations that the
    catalog does not have, a day of comparison before the claim begins, and two prices for the same thing
    on the same day.
    """
    for entry in _all(found):
        yield from _wrong(entry)
        yield from _unknown(entry, known)
        if entry.value.checked < entry.value.since:
            yield entry.problem(f"compared on {entry.value.checked}, before it begins", "checked")
    yield from _unquoted(_all(found))
    yield from _said_twice(found.get("price", ()), known)


def price_entries(directory: Path, problems: list[Problem]) -> dict[str, list[Entry[Any]]]:
    """The entries of a directory's price files by table, each with its place; what can't be read goes to `problems`."""
    found: dict[str, list[Entry[Any]]] = {}
    files = sorted((directory / "prices").glob("*.toml"))
    if not files:
        problems.append(Problem(str(directory / "prices"), 0, "", "", "expected *.toml files of prices"))
    for file in files:
        for table, entries in read(file, _TABLES, problems).items():
            found.setdefault(table, []).extend(entries)
    return found


def _all(found: Found) -> list[Entry[Any]]:
    return [entry for entries in found.values() for entry in entries]


def _wrong(entry: Entry[Any]) -> Iterator[Problem]:
    """What is wrong with an entry by itself."""
    value = entry.value
    if value.until is not None and value.until <= value.since:
        yield entry.problem(f"ends on {value.until}, before it begins on {value.since}", "until")
    for field in _AMOUNTS:
        yield from _wrong_amounts(entry, field, [getattr(value, field, Decimal())])
    if isinstance(value, Price):
        yield from _wrong_price(entry, value)
    elif isinstance(value, Range):
        yield from _wrong_range(entry, value)
    elif isinstance(value, Factor) and bool(value.locations) == bool(value.modes):
        yield entry.problem("expected locations or modes, one of them", "locations")
    elif isinstance(value, Credit) and value.until is None:
        yield entry.problem("expected the day on which the credit ends", "until")


def _wrong_price(entry: Entry[Any], price: Price) -> Iterator[Problem]:
    first, last = price.span
    if last is not None and last < first:
        yield entry.problem("its bounds leave no size of context", "max_context_tokens")
    for one, other in (("max", "below"), ("min", "above")):
        fields = f"{one}_context_tokens", f"{other}_context_tokens"
        if None not in (getattr(price, field) for field in fields):
            yield entry.problem(f"expected {' or '.join(fields)}, not both", fields[0])
    if not price.rates():
        yield entry.problem(f"expected a price for one or more of {', '.join(USES)}")
    for use, rates in price.rates().items():
        yield from _wrong_amounts(entry, use, rates.values(), price.per)
        yield from _wrong_modalities(entry, use, rates)


def _wrong_range(entry: Entry[Any], value: Range) -> Iterator[Problem]:
    for field, ends in (("input", value.input), ("output", value.output)):
        yield from _wrong_amounts(entry, field, ends)
        if ends[0] > ends[1]:
            yield entry.problem("expected the low end first", field)


def _wrong_amounts(entry: Entry[Any], field: str, amounts: Iterable[Decimal], per: int = 1) -> Iterator[Problem]:
    for amount in amounts:
        if not amount.is_finite() or amount < 0:
            yield entry.problem(f"{amount} is not an amount; expected zero or more", field)
        elif per < 1 or _inexact(amount, per):
            yield entry.problem(f"{amount} / {per} is not exact; expected a `per` that divides the amount", field)


def _inexact(amount: Decimal, per: int) -> bool:
    try:
        EXACT.divide(amount, per)
    except Inexact:
        return True
    return False


def _wrong_modalities(entry: Entry[Any], use: str, rates: Rates) -> Iterator[Problem]:
    named = [name for key in rates for name in key.split("+")]
    for name in sorted({*named} - {*MODALITIES, ANY_MODALITY}):
        yield entry.problem(f"unknown modality {name!r}; expected {ANY_MODALITY}, {', '.join(MODALITIES)}", use)
    if len(named) > len({*named}) or (ANY_MODALITY in named and len(named) > 1):
        yield entry.problem("a modality is priced twice", use)


def _unknown(entry: Entry[Any], known: Catalog) -> Iterator[Problem]:
    """Models and locations that the catalog does not have."""
    for index, name in enumerate(getattr(entry.value, "models", ())):
        try:
            known.model(name)
        except UnknownModel as error:
            yield entry.problem(str(error), "models", index)
    for name in getattr(entry.value, "locations", ()):
        if name not in (*known.locations, *KINDS, ANYWHERE):
            hint = ", ".join(nearest(name, known.locations)) or "none"
            yield entry.problem(f"{name!r} is no location, kind or '*'; nearest: {hint}", "locations")


def _unquoted(entries: list[Entry[Any]]) -> Iterator[Problem]:
    """Amounts that are numbers of TOML, which are not exact."""
    data = {file: tomli.loads(text) for file, text in {entry.file: entry.text for entry in entries}.items()}
    for entry in entries:
        table, index = entry.path
        row = data[entry.file][table][index]
        for field in (*USES, *_AMOUNTS):
            value = row.get(field, "")
            amounts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else [value]
            if not all(isinstance(amount, str) for amount in amounts):
                yield entry.problem('expected an amount in quotes, such as "1.25"', field)


def _said_twice(entries: Iterable[Entry[Price]], known: Catalog) -> Iterator[Problem]:
    """Prices for the same thing, at the same place, for the same size of context, on the same day."""
    said: dict[tuple[str, ...], list[Price]] = {}
    for entry in entries:
        for key in sorted({*_things(entry.value, known)}):
            others = said.setdefault(key, [])
            if any(_meet(entry.value, other) for other in others):
                yield entry.problem(f"a second price for {' '.join(key)}", key[3])
            others.append(entry.value)


def _things(price: Price, known: Catalog) -> Iterator[tuple[str, ...]]:
    """What a price is for: model, location, mode, use, modality, unit."""
    for name in price.models:
        model = _id(name, known)
        for location in price.locations:
            for mode in price.modes:
                for use, rates in price.rates().items():
                    for modality in "+".join(rates).split("+"):
                        yield model, location, mode, use, modality, price.unit


def _id(name: str, known: Catalog) -> str:
    try:
        return known.model(name).id
    except UnknownModel:
        return name


def _meet(one: Price, other: Price) -> bool:
    """Whether two prices speak of the same day and of the same size of context."""
    (first, last), (other_first, other_last) = one.span, other.span
    sizes = (last is None or other_first <= last) and (other_last is None or first <= other_last)
    days = (one.until is None or other.since < one.until) and (other.until is None or one.since < other.until)
    return sizes and days
