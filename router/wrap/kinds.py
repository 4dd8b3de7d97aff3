"""Tells clients apart by the names of their classes: no SDK is imported to recognise its clients."""

from __future__ import annotations


def is_a(given: type[object], module: str, *names: str) -> bool:
    """Whether a class, or one above it, stands in a module or inside it, under one of these names.

    Args:
        names: none, or an empty one, is any.
    """
    wanted = {name for name in names if name}
    return any(
        f"{kind.__module__}.".startswith(f"{module}.") and (not wanted or kind.__name__ in wanted)
        for kind in given.__mro__
    )
