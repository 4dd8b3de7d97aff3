"""How a batch is to be run."""

from __future__ import annotations

import dataclasses
import numbers
from dataclasses import dataclass
from decimal import Decimal

from router.errors import RouterError


class BatchError(RouterError):
    """A batch can't be run as it was asked for."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """How a batch is to be run.

    Args:
        project: the Google Cloud project.
        model: the model of rows that name none.
        concurrency: the most requests under way at once.
        row_deadline_s: seconds for all attempts at a row together. Rejections for lack of capacity are
            bounded by it alone.
        deadline_s: seconds after which no further row is begun; those under way then have a minute to end.
        max_cost_usd: when so much has been spent, by list price and by all runs together, no further row is
            begun; those under way end, and may cost more than that.
        max_error_rate: the share of rows that may fail; above it, once 20 have ended, no further row is begun.
        retry_failed: are rows whose recorded end is `failed` asked again?
        ordered: are the outputs in the order of the inputs? Otherwise each is written as it comes.
        dedupe: are equal requests asked once?
        column: of a table, the column that holds the prompts.
        max_tokens: of answers to prompts in a table, for models that must be told.

    Raises:
        BatchError: a value is out of range, or not of its kind.
    """

    project: str = ""
    model: str = ""
    concurrency: int = 32
    row_deadline_s: float = 3600.0
    deadline_s: float | None = None
    max_cost_usd: Decimal | float | None = None
    max_error_rate: float | None = None
    retry_failed: bool = False
    ordered: bool = False
    dedupe: bool = False
    column: str = "prompt"
    max_tokens: int = 1024

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            kinds, said = _KINDS[type(field.default)]
            if not isinstance(getattr(self, field.name), kinds):
                raise BatchError(f"`{field.name}` must be {said}, not {value!r}")
            if field.name in _AT_LEAST and value is not None and not value >= _AT_LEAST[field.name]:
                raise BatchError(f"`{field.name}` must be at least {_AT_LEAST[field.name]}, not {value}")
        if self.max_error_rate is not None and not 0 <= self.max_error_rate <= 1:
            raise BatchError(f"`max_error_rate` is a share between 0 and 1, not {self.max_error_rate}")

    @property
    def most_usd(self) -> Decimal | None:
        """`max_cost_usd`, exact."""
        return None if self.max_cost_usd is None else Decimal(str(self.max_cost_usd))

    @property
    def salt(self) -> bytes:
        """What a row is asked with besides what it says itself, so that its digest changes with it."""
        return f"{self.model}\n{self.max_tokens}".encode()[:64]


_NUMBERS = (numbers.Real, Decimal)
_KINDS: dict[type, tuple[tuple[type, ...], str]] = {
    str: ((str,), "a text"),
    int: ((numbers.Integral,), "a whole number"),
    float: (_NUMBERS, "a number"),
    type(None): ((*_NUMBERS, type(None)), "a number"),
    bool: ((object,), "true or false"),
}
"""What a field may hold, by its default."""

_AT_LEAST = {"concurrency": 1, "row_deadline_s": 0.001, "deadline_s": 0.001, "max_cost_usd": 0, "max_tokens": 1}
