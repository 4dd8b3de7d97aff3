"""Errors of the catalog.

CatalogError                 something is wrong with catalog data or a question to it
├── InvalidCatalog           the TOML does not validate; lists every problem found
├── UnknownModel             no such model id or alias; names the nearest
├── UnknownLocation          no such location id; names the nearest
├── UnknownJurisdiction      no such jurisdiction; names the nearest
└── UnknownFeature           no such feature; names the nearest
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec


class CatalogError(Exception):
    """Base of all errors of this package."""


class Problem(msgspec.Struct, frozen=True):
    """One thing wrong in a data file, with its place.

    `line` is 1-based; 0 means the place in the file is not known.
    """

    file: str
    line: int
    entry: str
    field: str
    message: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        parts = [place, self.entry, f"field `{self.field}`" if self.field else ""]
        return ": ".join(part for part in (*parts, self.message) if part)


class InvalidCatalog(CatalogError):
    """Catalog data does not validate; nothing of it was taken.

    `problems` holds every `Problem` found, in file order.
    """

    _shown = 20

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        lines = [str(problem) for problem in self.problems[: self._shown]]
        if len(self.problems) > self._shown:
            lines.append(f"(+{len(self.problems) - self._shown} more)")
        super().__init__("\n".join(lines))


class _NotFound(CatalogError):
    what = "entry"

    def __init__(self, name: str, known: Iterable[str], hint: str = "") -> None:
        self.name = name
        self.nearest = nearest(name, known)
        message = f"unknown {self.what} {name!r}"
        if self.nearest:
            message += f"; nearest: {', '.join(self.nearest)}"
        super().__init__(message + (f". {hint}" if hint else ""))


class UnknownModel(_NotFound):
    """No model of the catalog has this id or alias; `nearest` holds similar ids."""

    what = "model"


class UnknownLocation(_NotFound):
    """No location of the catalog has this id; `nearest` holds similar ids."""

    what = "location"


class UnknownJurisdiction(_NotFound):
    """No jurisdiction or country of the catalog has this id; `nearest` holds similar ids."""

    what = "jurisdiction"


class UnknownFeature(_NotFound):
    """No feature of the catalog has this id; `nearest` holds similar ids."""

    what = "feature"


def nearest(name: str, known: Iterable[str], count: int = 4) -> tuple[str, ...]:
    """The known names most like `name`, best first; empty when none is similar."""
    import difflib  # noqa: PLC0415 - only an error needs it

    return tuple(difflib.get_close_matches(name.lower(), list(known), n=count, cutoff=0.6))
