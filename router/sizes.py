"""How many tokens a request has at most, where a guarantee holds only up to a size.

No token of text has less than a byte, so the bytes of a body bound the tokens of its text. Pictures,
sounds and documents have more tokens than bytes where they compress well, and of those given by URI
not even the bytes are known: with any of them the request counts as unbounded, unless the caller
states its size.
"""

from __future__ import annotations

from collections.abc import Sequence

from catalog.schema import Model
from router.contents import Contents
from router.features import named
from router.members import elements, members, plain, short
from router.streams import Dialect
from router.target import Target

_GIVEN = frozenset({"contents", "systeminstruction", "tools", "toolconfig", "generationconfig", "safetysettings"})
_SILENT = frozenset({"labels", "model"})
_TEXT_PARTS = frozenset({"text", "thought", "thoughtsignature", "functioncall", "functionresponse"})


def limits(*models: Model | None) -> tuple[int, ...]:
    """The sizes that guarantees for these models name, the least first."""
    claims = (claim for model in models if model is not None for claim in model.processing)
    return tuple(sorted({claim.max_context_tokens for claim in claims if claim.max_context_tokens is not None}))


def at_most(
    limits: Sequence[int], target: Target, body: bytes | None, contents: Contents, stated: int | None = None
) -> int | None:
    """The least of these limits that surely holds the request; None for unbounded.

    Only sizes that claims name are answered, so that not every request is a question of its own.

    Args:
        stated: the tokens of the request, as the caller states them.
    """
    if not limits:
        return None
    size = stated
    if size is None and body is not None and len(body) <= limits[-1] and _only_text(target, body, contents):
        size = len(body)
    return least(limits, size)


def least(limits: Sequence[int], size: int | None) -> int | None:
    """The least of these limits that holds a size, which may itself be a limit of other models."""
    return next((limit for limit in limits if size is not None and size <= limit), None)


def _only_text(target: Target, body: bytes, contents: Contents) -> bool:
    """Whether all that the model is given is text in this body."""
    if target.dialect is not Dialect.GEMINI or contents.features or contents.pins or contents.read:
        return False
    found = members(plain(short(body)))
    top = named(found or {})
    if found is None or not top.keys() <= _GIVEN | _SILENT:
        return False
    given = elements(top.get("contents", b"[]"))
    return given is not None and all(_is_text(each) for each in [*given, top.get("systeminstruction", b"{}")])


def _is_text(content: bytes) -> bool:
    found = members(content)
    parts = elements(named(found).get("parts", b"[]")) if found is not None else None
    return parts is not None and all(_is_text_part(part) for part in parts)


def _is_text_part(part: bytes) -> bool:
    found = members(part)
    if found is None or not named(found).keys() <= _TEXT_PARTS:
        return False
    answer = members(named(found).get("functionresponse", b"{}"))
    return answer is not None and "parts" not in answer
