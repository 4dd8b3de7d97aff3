"""What a caller asks of the router for one request, in headers named `x-vertex-router-...`.

They are for the router alone: none leaves this process. An unknown name or a wrong value is refused,
since a wish that is not heard may be a rule that is not kept.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from router.errors import WrongHeader
from router.wire import ROUTER_HEADERS


class Directives(msgspec.Struct, frozen=True, kw_only=True):
    """The wishes of one request; a field for each header, None where it was not given.

    `tokens`: the size of the request's context, or an upper bound of it. `affinity`: what requests of one
    conversation have in common, so that they go where its prompt cache is. The others are fields of the
    policy for this request, which can only tighten it.
    """

    tokens: int | None = None
    affinity: str = ""
    residency: tuple[str, ...] | None = None
    deadline_s: float | None = None
    model_fallback: tuple[str, ...] | None = None

    @property
    def policy(self) -> dict[str, Any]:
        """The fields of the policy that it changes."""
        fields = {name: getattr(self, name) for name in ("residency", "deadline_s", "model_fallback")}
        return {name: value for name, value in fields.items() if value is not None}


NONE = Directives()


def _whole_number(value: str) -> int:
    if not (value.isascii() and value.isdigit()):
        raise ValueError("expected a whole number")
    return int(value)


def _seconds(value: str) -> float:
    try:
        found = float(value)
    except ValueError:
        found = -1.0
    if not 0 < found < float("inf"):
        raise ValueError("expected a number of seconds above 0")
    return found


def _list(value: str) -> tuple[str, ...]:
    found = tuple(part.strip() for part in value.split(","))
    if not all(found):
        raise ValueError("expected a name, or several with commas between them")
    return found


def _words(value: str) -> str:
    if not value:
        raise ValueError("expected a text")
    return value


_READERS: dict[str, Callable[[str], Any]] = {
    "tokens": _whole_number,
    "affinity": _words,
    "residency": _list,
    "deadline-s": _seconds,
    "model-fallback": _list,
}
"""For each name after the prefix, what reads its value; raises ValueError that says what was expected."""


def directives(headers: Mapping[str, str]) -> Directives:
    """The wishes in a request's headers.

    Raises:
        WrongHeader: a name is unknown, or a value is not what it should be.
    """
    if ROUTER_HEADERS not in " ".join(headers).lower():  # as nearly always
        return NONE
    given = [name for name in headers if name.lower().startswith(ROUTER_HEADERS)]
    return Directives(**{_field(name.lower()): _value(name.lower(), headers[name]) for name in given})


def _field(name: str) -> str:
    field = name.removeprefix(ROUTER_HEADERS).removeprefix("-")
    if field not in _READERS:
        known = ", ".join(f"{ROUTER_HEADERS}-{each}" for each in _READERS)
        raise WrongHeader(name, f"no such header of the router; there are: {known}")
    return field.replace("-", "_")


def _value(name: str, text: str) -> Any:
    field = name.removeprefix(f"{ROUTER_HEADERS}-")
    try:
        return _READERS[field](text.strip())
    except ValueError as error:
        raise WrongHeader(name, f"{error}, got {text!r}") from None
