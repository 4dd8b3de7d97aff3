"""What a call used, as far as it is billed, and what it costs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import TypedDict, Unpack

import msgspec

from catalog.errors import CatalogError
from catalog.schema import Claim, Mode
from catalog.tariff import EXACT, MODALITIES, UNITS, USES, Credit, Factor, Modality, Price, Range, Unit, Use

Count = int | Decimal
Tokens = int | Mapping[Modality, int]

_IN_CONTEXT = ("input", "cache_read", "cache_write_5m", "cache_write_1h")


class Counts(TypedDict, total=False):
    """Tokens by use: a number is of text, a mapping is by modality. Cached tokens are not part of `input`."""

    input: Tokens
    output: Tokens
    cache_read: Tokens
    cache_write_5m: Tokens
    cache_write_1h: Tokens
    training: Tokens


class Amount(msgspec.Struct, frozen=True):
    """How much of one use: of `modality`, counted in `unit`.

    For uses that are of nothing in particular, such as searches, the modality does not matter.

    Raises:
        ValueError: no such use, modality or unit; or the quantity is negative, not finite, or a float,
            which is not exact.
    """

    use: Use
    quantity: Count
    modality: Modality = "text"
    unit: Unit = "token"

    def __post_init__(self) -> None:
        for name, known in ((self.use, USES), (self.modality, MODALITIES), (self.unit, UNITS)):
            if name not in known:
                raise ValueError(f"{name!r} is none of {', '.join(known)}")
        if not isinstance(self.quantity, (int, Decimal)) or not Decimal(self.quantity).is_finite() or self.quantity < 0:
            raise ValueError(f"expected an int or a Decimal, zero or more; not {self.quantity!r}")

    def __str__(self) -> str:
        return f"{self.use} of {self.modality} ({self.unit})"


class Usage(msgspec.Struct, frozen=True):
    """What one call used; parts of it add up with `+`.

    `context_tokens` is the size of its whole input, by which some prices rise. Where it is not given,
    it is the sum of the input tokens, cached or not.
    """

    amounts: tuple[Amount, ...] = ()
    context_tokens: int | None = None

    @classmethod
    def tokens(cls, *, context_tokens: int | None = None, **counts: Unpack[Counts]) -> Usage:
        """Usage counted in tokens: `Usage.tokens(input={"text": 1000, "audio": 500}, output=300)`."""
        by_use: Mapping[Use, Tokens] = counts  # type: ignore[assignment]  # the keys of Counts are uses
        amounts: list[Amount] = []
        for use, count in by_use.items():
            by_modality: Mapping[Modality, int] = {"text": count} if isinstance(count, int) else count
            amounts += [Amount(use, tokens, modality) for modality, tokens in by_modality.items()]
        return cls(tuple(amounts), context_tokens)

    def __add__(self, other: Usage) -> Usage:
        sizes = [each.context_tokens for each in (self, other) if each.context_tokens is not None]
        return Usage(self.amounts + other.amounts, max(sizes, default=None))

    @property
    def context(self) -> Count | None:
        """The tokens of the whole input; None when they are not known."""
        counted = [each.quantity for each in self.amounts if each.unit == "token" and each.use in _IN_CONTEXT]
        return sum(counted) if self.context_tokens is None and counted else self.context_tokens


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """What one amount costs by the list: `usd` for `per` units, which makes `list_usd`.

    `credit_usd` of that comes back as credits. `price` is the claim that it rests on, `factors` the
    rules that made the rate from that claim's.
    """

    amount: Amount
    usd: Decimal
    per: int
    list_usd: Decimal
    credit_usd: Decimal
    price: Price
    factors: tuple[Factor, ...]
    credit: Credit | None

    @property
    def source(self) -> str:
        """The id of the source of the price."""
        return self.price.source

    def claims(self) -> tuple[Claim, ...]:
        """All that it rests on: the price, the rules, the credit."""
        return (self.price, *self.factors, *((self.credit,) if self.credit else ()))

    def warnings(self) -> Iterator[str]:
        """What to know before relying on this line."""
        for claim in self.claims():
            if claim.confidence == "low":
                yield f"{self.amount}: evidence of low confidence ({claim.source}, {claim.where})"
        if self.price.conflict:
            yield f"{self.amount}: sources differ: {self.price.conflict}"
        if self.price.free:
            yield f"{self.amount}: counted as if used up: {self.price.free}"


class Cost(msgspec.Struct, frozen=True, kw_only=True):
    """What a call costs, line by line, in USD."""

    model: str
    location: str
    mode: Mode
    on: date
    lines: tuple[Line, ...]

    @property
    def list_usd(self) -> Decimal:
        """What is billed."""
        return total(line.list_usd for line in self.lines)

    @property
    def credit_usd(self) -> Decimal:
        """What of it comes back as credits; zero where no promotion runs."""
        return total(line.credit_usd for line in self.lines)

    @property
    def net_usd(self) -> Decimal:
        """What is billed, less the credits."""
        return EXACT.subtract(self.list_usd, self.credit_usd)

    @property
    def credit_until(self) -> date | None:
        """The first day without one of the credits; None when there are none."""
        return min((line.credit.until for line in self.lines if line.credit and line.credit.until), default=None)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What to know before relying on it: conflicts, low confidence, free allowances."""
        return tuple(dict.fromkeys(warning for line in self.lines for warning in line.warnings()))


class Estimate(msgspec.Struct, frozen=True):
    """Between which sums a call probably lies whose price is dynamic; neither end is promised."""

    low_usd: Decimal
    high_usd: Decimal
    range: Range


class UnknownPrice(CatalogError):
    """No claim and no rule prices a part of a usage; never taken for zero.

    `missing` are the amounts without a price; `known` says in words which prices come nearest.
    """

    def __init__(self, asked: str, missing: Sequence[Amount], known: Sequence[str] = (), hint: str = "") -> None:
        self.missing = tuple(missing)
        self.known = tuple(known)
        message = f"no price is known of {asked} for {', '.join(map(str, missing))}"
        message += f"; {hint}" if hint else ""
        message += f". Known: {'; '.join(known)}" if known else ""
        super().__init__(message)


def total(amounts: Iterable[Decimal]) -> Decimal:
    """The exact sum."""
    found = Decimal()
    for amount in amounts:
        found = EXACT.add(found, amount)
    return found
