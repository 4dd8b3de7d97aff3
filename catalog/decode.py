"""Turns plain TOML data into schema values, with errors that say where and what was expected."""

from __future__ import annotations

import re
from datetime import date, datetime, time
from typing import Any, TypeVar

import msgspec
from msgspec import inspect

T = TypeVar("T")

_PLACE = re.compile(r"^(?P<message>.*?)(?: - at `\$(?P<path>.*)`)?$", re.DOTALL)
_STEP = re.compile(r"\.?([A-Za-z_][\w-]*)|\[(\d+|\.\.\.)\]")
_NAMED = re.compile(r"(?:unknown|required) field `([^`]+)`")


class DecodeError(ValueError):
    """One value is not as its type wants it. `path` leads to it from the top of the data."""

    def __init__(self, message: str, path: tuple[str | int, ...]) -> None:
        super().__init__(message)
        self.path = path


def decode(data: Any, kind: type[T]) -> T:
    """`data` as a value of `kind`; types are not coerced, unknown keys are refused.

    Raises:
        DecodeError: with the path of the first value that does not fit and what was expected there.
    """
    try:
        return msgspec.convert(data, kind, builtin_types=(date, datetime, time))
    except msgspec.ValidationError as error:
        found = _PLACE.match(str(error))
        message, trail = (found["message"], found["path"] or "") if found else (str(error), "")
        path = tuple(int(index) if index.isdigit() else key for key, index in _STEP.findall(trail))
        message += _expected(kind, path)
        named = _NAMED.search(message)
        raise DecodeError(message, (*path, named[1]) if named else path) from None


def _expected(kind: Any, path: tuple[str | int, ...]) -> str:
    """What the place at `path` allows, where the decoder's own message does not say it."""
    here: inspect.Type = inspect.type_info(kind)
    for step in path:
        here = _inside(here, step)
    here = _present(here)
    if isinstance(here, inspect.LiteralType):
        return f"; expected one of {', '.join(str(value) for value in here.values)}"
    if isinstance(here, inspect.StructType):
        return f"; the fields are {', '.join(field.encode_name for field in here.fields)}"
    return ""


def _present(kind: inspect.Type) -> inspect.Type:
    """Of an optional type, what it is when it is there."""
    if isinstance(kind, inspect.UnionType):
        return next((part for part in kind.types if not isinstance(part, inspect.NoneType)), kind)
    return kind


def _inside(kind: inspect.Type, step: str | int) -> inspect.Type:
    kind = _present(kind)
    if isinstance(kind, inspect.StructType):
        return next((field.type for field in kind.fields if field.encode_name == step), kind)
    if isinstance(kind, inspect.VarTupleType):
        return kind.item_type
    return kind
