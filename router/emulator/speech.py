"""What emulated models say, how it is counted, and how it is cut into the pieces of a stream."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

DEFAULT = "This is the emulated {model} at {location}. You said: {prompt}"
_ECHO = 2000
_PIECES = 8
_CHARACTERS_PER_TOKEN = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """An answer of an emulated model.

    Args:
        number: counts the answers, for ids.
        created: seconds since 1970.
    """

    model: str
    location: str
    text: str
    prompt_tokens: int
    traffic_type: str
    number: int
    created: int

    @property
    def tokens(self) -> int:
        """The length of the answer."""
        return count(self.text)

    @property
    def id(self) -> str:
        """An id for the answer."""
        return f"emulated{self.number:08d}"


def fill(template: str, model: str, location: str, prompt: str) -> str:
    """The text of an answer."""
    fields = {"{model}": model, "{location}": location, "{prompt}": prompt[:_ECHO]}
    return re.sub(r"\{(?:model|location|prompt)\}", lambda found: fields[found[0]], template)


def count(text: str) -> int:
    """A number of tokens for a text: one for each four characters begun. Real tokenizers differ."""
    return -(-len(text) // _CHARACTERS_PER_TOKEN)


def pieces(text: str) -> list[str]:
    """The text in up to eight pieces of whole words; together they are the text."""
    words = re.findall(r"\s*\S+|\s+$", text) or [text]
    size = -(-len(words) // _PIECES)
    return ["".join(words[start : start + size]) for start in range(0, len(words), size)]


def texts(content: Any) -> Iterator[str]:
    """Every value of a key `text` inside JSON, and strings standing where content may stand, in order."""
    if isinstance(content, str):
        yield content
    elif isinstance(content, list):
        for each in content:
            yield from texts(each)
    elif isinstance(content, dict):
        for key in ("text", "parts", "content"):
            if key in content:
                yield from texts(content[key])


def joined(content: Any) -> str:
    """All texts inside JSON."""
    return "".join(texts(content))
