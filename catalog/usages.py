"""What an answer used, from its own body: Gemini's `usageMetadata`, the `usage` of Claude and of OpenAI's formats.

Each counts in its own way. Gemini's prompt contains what was cached, and its answer does not contain its
thoughts; Claude's input is beside what was cached; OpenAI's prompt contains what was cached, and its
completion contains its reasoning. Here cached tokens are never part of `input`, thoughts always of `output`.

A body does not say whether Google Search grounded an answer in a way that is billed, so grounding is not
part of a usage made here; the searches of Claude, which it counts, are.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from catalog.costs import Amount, Usage
from catalog.tariff import Modality, Use

# Gemini's prices know no documents; their pages are read as images, which cost what text does.
_MODALITIES: Mapping[str, Modality] = {"AUDIO": "audio", "VIDEO": "video", "IMAGE": "image", "DOCUMENT": "image"}

_Counts = dict[Modality, int]


def usage_of(*bodies: Mapping[str, Any]) -> Usage | None:
    """What an answer used; None when its body does not say.

    Args:
        bodies: the JSON body of an answer; or the events of a streamed one, in their order, of which each
            may correct the counts of those before.

    Raises:
        ValueError: a count is not a whole number of zero or more.
    """
    counted: dict[str, Any] = {}
    for body in bodies:
        told = _told(body)
        counted |= {name: value for name, value in told.items() if value is not None}
    if "promptTokenCount" in counted or "totalTokenCount" in counted:
        return _gemini(counted, grounded=any(map(_grounded, bodies)))
    if "prompt_tokens" in counted:
        return _openai(counted, "prompt", "completion")
    if "input_tokens_details" in counted:
        return _openai(counted, "input", "output")
    return _claude(counted) if "input_tokens" in counted else None


def _told(body: Mapping[str, Any]) -> Mapping[str, Any]:
    """The counts of a body or event; of a stream the first event of Claude and the last of OpenAI wrap them."""
    for inside in (body, body.get("message"), body.get("response")):
        if isinstance(inside, Mapping):
            for name in ("usageMetadata", "usage"):
                if isinstance(told := inside.get(name), Mapping):
                    return told
    return {}


def _gemini(counted: Mapping[str, Any], *, grounded: bool) -> Usage:
    prompt = _by_modality(counted, "promptTokenCount", "promptTokensDetails")
    cached = _by_modality(counted, "cachedContentTokenCount", "cacheTokensDetails")
    written = _by_modality(counted, "candidatesTokenCount", "candidatesTokensDetails")
    fresh = _less(prompt, cached)
    if not grounded:  # what Google Search gives the model to read is not billed
        fresh = _more(fresh, _by_modality(counted, "toolUsePromptTokenCount", "toolUsePromptTokensDetails"))
    written = _more(written, {"text": _count(counted, "thoughtsTokenCount")})
    return _usage({"input": fresh, "cache_read": cached, "output": written})


def _claude(counted: Mapping[str, Any]) -> Usage:
    by_time = _part(counted, "cache_creation")
    hour = _count(by_time, "ephemeral_1h_input_tokens")
    minutes = _count(counted, "cache_creation_input_tokens") - hour
    usage = _usage(
        {
            "input": {"text": _count(counted, "input_tokens")},
            "cache_read": {"text": _count(counted, "cache_read_input_tokens")},
            "cache_write_5m": {"text": max(minutes, _count(by_time, "ephemeral_5m_input_tokens"))},
            "cache_write_1h": {"text": hour},
            "output": {"text": _count(counted, "output_tokens")},
        }
    )
    searches = _count(_part(counted, "server_tool_use"), "web_search_requests")
    return usage + Usage((Amount("web_search", searches, unit="search"),)) if searches else usage


def _openai(counted: Mapping[str, Any], asked: str, answered: str) -> Usage:
    prompt, answer = _count(counted, f"{asked}_tokens"), _count(counted, f"{answered}_tokens")
    read, written = _part(counted, f"{asked}_tokens_details"), _part(counted, f"{answered}_tokens_details")
    cached, heard, spoken = _count(read, "cached_tokens"), _count(read, "audio_tokens"), _count(written, "audio_tokens")
    # Gemini in this format may leave its thoughts out of the completion, and counts them in the total.
    answer = max(answer, _count(counted, "total_tokens") - prompt)
    return _usage(
        {
            "input": {"text": max(0, prompt - cached - heard), "audio": heard},
            "cache_read": {"text": cached},
            "output": {"text": max(0, answer - spoken), "audio": spoken},
        }
    )


def _usage(by_use: Mapping[Use, _Counts]) -> Usage:
    """A usage without what is zero."""
    counts = ((use, *each) for use, by_modality in by_use.items() for each in by_modality.items())
    return Usage(tuple(Amount(use, tokens, modality) for use, modality, tokens in counts if tokens))


def _by_modality(counted: Mapping[str, Any], name: str, details: str) -> _Counts:
    """Tokens by modality; what the details leave out is text."""
    found: _Counts = {}
    for each in _list(counted, details):
        modality = _MODALITIES.get(each.get("modality", ""), "text")
        found = _more(found, {modality: _count(each, "tokenCount")})
    rest = _count(counted, name) - sum(found.values())
    return _more(found, {"text": rest}) if rest > 0 else found


def _more(counts: _Counts, others: _Counts) -> _Counts:
    return {each: counts.get(each, 0) + others.get(each, 0) for each in dict.fromkeys((*counts, *others))}


def _less(whole: _Counts, part: _Counts) -> _Counts:
    """What is left of the whole; where a part has more of a modality than the whole, the others give it."""
    left = {modality: max(0, tokens - part.get(modality, 0)) for modality, tokens in whole.items()}
    owed = sum(left.values()) - max(0, sum(whole.values()) - sum(part.values()))
    for modality, tokens in left.items():
        left[modality] = max(0, tokens - owed)
        owed = max(0, owed - tokens)
    return left


def _count(counted: Mapping[str, Any], name: str) -> int:
    value = counted.get(name)
    if value is None:
        return 0
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ValueError(f"`{name}`: expected a whole number of zero or more, got {value!r}")
    return value


def _part(counted: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    part = counted.get(name)
    return part if isinstance(part, Mapping) else {}


def _list(counted: Mapping[str, Any], name: str) -> Iterable[Mapping[str, Any]]:
    parts = counted.get(name)
    return [each for each in parts if isinstance(each, Mapping)] if isinstance(parts, list) else []


def _grounded(body: Mapping[str, Any]) -> bool:
    """Whether Google Search gave the model something to read."""
    found = (_part(candidate, "groundingMetadata") for candidate in _list(body, "candidates"))
    return any(each.get("webSearchQueries") for each in found)
