"""How many tokens an answer used, by its own account: what the cost of a request is settled with."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from router.streams import ArrayFramer, EventStreamFramer
from router.wire import UNREADABLE


def tokens_used(content: bytes) -> int | None:
    """The tokens of a whole answer; None when it does not say."""
    return _total([content])


def tokens_used_in_stream(received: bytes) -> int | None:
    """The tokens of a streamed answer, from its events; None when they do not say."""
    framer = ArrayFramer() if received.lstrip()[:1] == b"[" else EventStreamFramer()
    return _total([event.data for event in framer.feed(received)])


def _total(texts: Iterable[bytes]) -> int | None:
    from catalog.usages import usage_of  # noqa: PLC0415 - only limits in tokens need it

    try:
        usage = usage_of(*filter(_is_object, map(_decoded, texts)))
    except ValueError:
        return None
    if usage is None:
        return None
    return int(sum(each.quantity for each in usage.amounts if each.unit == "token"))


def _decoded(text: bytes) -> Any:
    try:
        return msgspec.json.decode(text)
    except UNREADABLE:
        return None


def _is_object(value: Any) -> bool:
    return isinstance(value, dict)
